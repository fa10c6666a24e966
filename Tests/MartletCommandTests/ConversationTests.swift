import Foundation
import Glibc
import MartletTestSupport
import Testing

/// A terminal with the command at its other end.
private final class Terminal {
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

  init(_ arguments: [String]) throws {
    var (near, far): (Int32, Int32) = (0, 0)
    var name = [CChar](repeating: 0, count: 128)
    guard openpty(&near, &far, &name, nil, nil) == 0 else {
      throw Child.Failure(description: "no terminal: \(String(cString: strerror(errno)))")
    }
    defer { close(far) }
    _ = fcntl(near, F_SETFD, FD_CLOEXEC)
    _ = fcntl(far, F_SETFD, FD_CLOEXEC)
    descriptor = near
    let path = String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    child = try Child(
      Martlet.executable, arguments, input: path, output: path, error: path, isSession: true)
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
  func expect(_ text: String, limit: Duration = .seconds(30)) throws -> String {
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

@Suite(
  "command: the interactive chat", .serialized,
  .enabled(if: Terminal.isAvailable, "this system has no pseudo-terminals (is /dev/pts mounted?)"))
struct ConversationTests {
  private static let prompt = "\n> "

  private func tiny(_ arguments: String...) throws -> (Terminal, TemporaryFile) {
    let model = try TinyModel.file()
    let terminal = try Terminal(["run", model.path, "--max-tokens", "2"] + arguments)
    try terminal.expect(Self.prompt)
    return (terminal, model)
  }

  @Test("/bye and Control-D end with 0", arguments: ["/bye\n", "  /bye  \n", "\u{4}", "\n/bye\n"])
  func end(typed: String) throws {
    let (terminal, model) = try tiny()
    terminal.type(typed)
    #expect(try terminal.child.wait(limit: .seconds(10)).status == 0)
    withExtendedLifetime(model) {}
  }

  @Test("Control-C at the prompt ends with 130")
  func interruptedPrompt() throws {
    let (terminal, model) = try tiny()
    terminal.type("\u{3}")
    #expect(try terminal.child.wait(limit: .seconds(10)).status == 130)
    withExtendedLifetime(model) {}
  }

  @Test("a turn that does not fit is refused with both numbers, and the conversation goes on")
  func tooLong() throws {
    let (terminal, model) = try tiny()
    terminal.type(String(repeating: "x", count: 150) + "\n")
    try terminal.expect("the context holds 96")
    try terminal.expect(Self.prompt)
    terminal.type("short\n")
    try terminal.expect("2 tokens")
    try terminal.expect(Self.prompt)
    terminal.type("/bye\n")
    #expect(try terminal.child.wait(limit: .seconds(10)).status == 0)
    withExtendedLifetime(model) {}
  }

  @Test("a conversation has no JSON form")
  func json() throws {
    let terminal = try Terminal(["run", "/missing.gguf", "--json"])
    try terminal.expect("--json needs a PROMPT")
    #expect(try terminal.child.wait(limit: .seconds(10)).status == 64)
  }

  @Test(
    "the second turn holds the first, which comes from the cache",
    .enabled(if: Resources.hasModel, "the default model is not in the cache: 'make model' brings it"))
  func turns() throws {
    let terminal = try Terminal(["run", "smollm2", "--max-tokens", "24"])
    /// Types a line and reads the numbers of the line that closes the answer.
    func turn(_ text: String) throws -> (prompt: Int, cached: Int) {
      try terminal.expect(Self.prompt)
      terminal.type(text + "\n")
      try terminal.expect("\n[")
      let numbers = try terminal.expect("first token after").split { !$0.isNumber }.compactMap { Int($0) }
      return (try #require(numbers.first), numbers.count > 1 ? numbers[1] : 0)
    }
    let first = try turn("My name is Rosalind.")
    #expect(first.prompt > 20 && first.cached == 0)
    let second = try turn("What is my name?")
    // The cache keeps whole blocks of 16 tokens.
    #expect(second.cached >= first.prompt - 16 && second.cached < second.prompt)
    #expect(second.prompt > first.prompt + 12)
    try terminal.expect(Self.prompt)
    terminal.type("\u{4}")
    #expect(try terminal.child.wait(limit: .seconds(10)).status == 0)
  }

  @Test(
    "Control-C ends an answer and not the conversation",
    .enabled(if: Resources.hasModel, "the default model is not in the cache: 'make model' brings it"))
  func interruptedAnswer() throws {
    let terminal = try Terminal(["run", "smollm2"])
    try terminal.expect(Self.prompt)
    terminal.type("Write a very long story about a king and a queen in ten chapters.\n")
    try terminal.expect("chapters.\n")
    try terminal.expect(" ")
    terminal.type("\u{3}")
    let rest = try terminal.expect(Self.prompt, limit: .seconds(10))
    #expect(!rest.contains("prompt tokens"))
    terminal.type("/bye\n")
    #expect(try terminal.child.wait(limit: .seconds(10)).status == 0)
  }
}
