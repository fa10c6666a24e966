import Glibc
import Martlet
import Synchronization

/// Standard output and standard error, unbuffered: streamed text must appear as it comes.
enum Console {
  /// Whether a person reads standard error, who wants progress bars.
  static var isInteractive: Bool { isatty(STDERR_FILENO) == 1 }

  /// Writes to standard output.
  static func write(_ text: String) { write(text, to: STDOUT_FILENO) }

  /// Writes a line to standard error.
  static func note(_ line: String) { write(line + "\n", to: STDERR_FILENO) }

  /// Writes what went wrong to standard error, as one line whatever file contents and names the message repeats: lines
  /// of a list are strung together, and control characters, which could steer a terminal, are spelled out.
  static func failure(_ message: String) {
    var line = "martlet: "
    var wasListed = false
    for (index, part) in message.split(separator: "\n").enumerated() {
      let isListed = part.hasPrefix("  ")
      if index > 0 { line += line.hasSuffix(":") ? " " : !isListed ? ". " : wasListed ? ", " : ": " }
      wasListed = isListed
      line += part.drop { $0 == " " }.printable
    }
    note(line)
  }

  /// Writes to standard error without ending the line.
  static func status(_ text: String) { write(text, to: STDERR_FILENO) }

  /// Shows how far something is, on a terminal only.
  static func progress(_ label: String, _ share: Double) {
    guard isInteractive else { return }
    let width = 30
    let filled = Int(share * Double(width))
    let bar = String(repeating: "█", count: filled) + String(repeating: "·", count: width - filled)
    status("\r\(label) \(bar) \(Int(share * 100)) %")
    if share >= 1 { status("\r\u{1B}[K") }
  }

  private static func write(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let written = UnsafeBufferPointer(rebasing: rest).withMemoryRebound(to: UInt8.self) {
          Glibc.write(descriptor, $0.baseAddress, $0.count)
        }
        if written < 0 {
          let failure = errno
          if failure == EINTR { continue }
          giveUp(failure)
        }
        rest = rest.dropFirst(written)
      }
    }
  }

  /// Ends the program after a write that failed. A reader that has gone (a closed pipe) wants no more, and hears what
  /// other programs say then: nothing. A full disk is told on standard error, if that is still there.
  private static func giveUp(_ failure: Int32) -> Never {
    if failure == EPIPE { _exit(128 + SIGPIPE) }
    let line = "martlet: the output cannot be written: \(String(cString: strerror(failure)))\n"
    _ = line.utf8.withContiguousStorageIfAvailable { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    _exit(EX_IOERR)
  }
}

/// Control-C: ends a generation if one can be ended, else the program.
enum Interruption {
  /// 128 + SIGINT, as shells have it.
  static let exitStatus: Int32 = 130

  private static let isStoppable = Atomic<Bool>(false)
  private static let wasRequested = Atomic<Bool>(false)

  static func install() {
    // A reader of our output that goes away shows as an error of `write`.
    signal(SIGPIPE, SIG_IGN)
    signal(SIGINT) { _ in
      if Interruption.isStoppable.load(ordering: .relaxed), !Interruption.wasRequested.load(ordering: .relaxed) {
        Interruption.wasRequested.store(true, ordering: .relaxed)
      } else {
        _exit(Interruption.exitStatus)
      }
    }
  }

  /// Runs `body` in a task that the first Control-C cancels, at whatever it is; the second one ends the program.
  static func cancelling<Result: Sendable>(
    _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> Result {
    wasRequested.store(false, ordering: .relaxed)
    isStoppable.store(true, ordering: .relaxed)
    defer { isStoppable.store(false, ordering: .relaxed) }
    let task = Task(operation: body)
    // A signal handler may do next to nothing, so it only leaves word.
    let watcher = Task {
      while !wasRequested.load(ordering: .relaxed) { try await Task.sleep(for: .milliseconds(20)) }
      task.cancel()
    }
    defer { watcher.cancel() }
    return try await task.value
  }
}
