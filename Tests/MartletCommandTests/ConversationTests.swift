import Foundation
import MartletTestSupport
import Testing

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
    #expect(try terminal.child.wait(limit: .seconds(60)).status == 0)
    withExtendedLifetime(model) {}
  }

  @Test("Control-C at the prompt ends with 130")
  func interruptedPrompt() throws {
    let (terminal, model) = try tiny()
    terminal.type("\u{3}")
    #expect(try terminal.child.wait(limit: .seconds(60)).status == 130)
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
    #expect(try terminal.child.wait(limit: .seconds(60)).status == 0)
    withExtendedLifetime(model) {}
  }

  @Test("a conversation has no JSON form")
  func json() throws {
    let terminal = try Terminal(["run", "/missing.gguf", "--json"])
    try terminal.expect("--json needs a PROMPT")
    #expect(try terminal.child.wait(limit: .seconds(60)).status == 64)
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
    #expect(try terminal.child.wait(limit: .seconds(60)).status == 0)
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
    let rest = try terminal.expect(Self.prompt, limit: .seconds(60))
    #expect(!rest.contains("prompt tokens"))
    terminal.type("/bye\n")
    #expect(try terminal.child.wait(limit: .seconds(60)).status == 0)
  }
}
