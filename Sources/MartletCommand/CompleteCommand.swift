import ArgumentParser
import Martlet

/// `martlet complete MODEL [TEXT]`
struct CompleteCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "complete", abstract: "Continue raw text, or token ids.")

  @Argument(help: "The model.")
  var model: String

  @OptionGroup var input: TextInput

  @Option(parsing: .unconditional, help: "Continue these token ids, separated by commas; no tokenizer is needed then.")
  var promptIds: String?

  @OptionGroup var modelFlags: ModelFlags
  @OptionGroup var generation: GenerationFlags

  func run() async throws {
    let clock = ContinuousClock()
    let start = clock.now
    let ids = try promptIds.map { try TokenList.parse($0, flag: "--prompt-ids") }
    let text = try input.read()
    guard (ids == nil) != (text == nil) else {
      throw ValidationError("give one of TEXT, --file and --prompt-ids")
    }
    let model = try await modelFlags.load(model)
    let output = GenerationOutput(model: model, flags: generation, loadTime: clock.now - start)
    let options = generation.options
    try await output.printAll(
      try ids.map { model.generate($0, options: options) } ?? model.complete(text ?? "", options: options))
  }
}

/// Token ids on the command line.
enum TokenList {
  /// `1,2,3`
  static func parse(_ text: String, flag: String) throws -> [Int32] {
    try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
      guard let id = Int32(part.drop(while: \.isWhitespace)), id >= 0 else {
        throw ValidationError("\(flag): '\(part)' is not a token id; write numbers separated by commas")
      }
      return id
    }
  }

  /// `[1, 2, 3]`
  static func json(_ ids: [Int32]) -> String { "[" + ids.map(String.init).joined(separator: ", ") + "]" }
}
