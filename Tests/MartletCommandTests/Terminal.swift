import Foundation
import Glibc

/// A terminal with the command at its other end.
final class Terminal {
  let child: Child
  private let descriptor: Int32
  /// What was read and not yet expected, without carriage returns.
  private var unread: [UInt8] = []

  /// Whether the system gives pseudo-terminals; a chroot without /dev/pts does not.
  static let isAvailable: Bool = {
    var (near, far): (Int32, Int32) = (0, 0)
    guard openpty(&near, &far, nil, nil, nil) == 0 else { return false }
    close(near)
    close(far)
    return true
  }()

  /// - Parameter columns: how wide it says it is; 0 if it does not say.
  init(_ arguments: [String], environment: [String: String] = [:], columns: Int = 0) throws {
    var (near, far): (Int32, Int32) = (0, 0)
    var name = [CChar](repeating: 0, count: 128)
    var size = winsize(ws_row: 24, ws_col: UInt16(columns), ws_xpixel: 0, ws_ypixel: 0)
    guard openpty(&near, &far, &name, nil, &size) == 0 else {
      throw Child.Failure(description: "no terminal: \(String(cString: strerror(errno)))")
    }
    defer { close(far) }
    _ = fcntl(near, F_SETFD, FD_CLOEXEC)
    _ = fcntl(far, F_SETFD, FD_CLOEXEC)
    descriptor = near
    let path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    child = try Child(
      Martlet.executable, arguments, input: path, output: path, error: path, environment: environment, isSession: true)
  }

  deinit { close(descriptor) }

  /// Types characters; control characters act as on a keyboard.
  func type(_ text: String) {
    var text = text
    text.withUTF8 { _ = write(descriptor, $0.baseAddress, $0.count) }
  }

  /// Reads until `text` shows up after what was expected before.
  /// - Returns: what came before it.
  @discardableResult
  func expect(_ text: String, limit: Duration = .seconds(120)) throws -> String {
    let deadline = ContinuousClock.now + limit
    while true {
      let screen = String(decoding: unread, as: UTF8.self)
      if let range = screen.range(of: text) {
        unread = Array(screen[range.upperBound...].utf8)
        return String(screen[..<range.lowerBound])
      }
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      var buffer = [UInt8](repeating: 0, count: 4096)
      guard ContinuousClock.now < deadline, poll(&waiting, 1, 1000) >= 0 else {
        throw Child.Failure(description: "waited for '\(text)'; the screen shows: \(screen)")
      }
      guard waiting.revents != 0 else { continue }
      let count = read(descriptor, &buffer, buffer.count)
      guard count > 0 else { throw Child.Failure(description: "closed before '\(text)'; the screen shows: \(screen)") }
      unread += buffer[..<count].filter { $0 != UInt8(ascii: "\r") }
    }
  }
}
