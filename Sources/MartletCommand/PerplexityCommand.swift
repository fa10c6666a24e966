import ArgumentParser
import Martlet

/// `martlet perplexity MODEL --file F`
struct PerplexityCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "perplexity", abstract: "Measure how well a model predicts a text.",
    discussion:
      "The text is cut into chunks, each scored on its second half: llama-perplexity's protocol, in which one "
      + "line feed at the end of the file does not count.")

  @Argument(help: "The model.")
  var model: String

  @Option(parsing: .unconditional, help: "The text.")
  var file: String

  @Option(name: .customLong("context"), parsing: .unconditional, help: "Tokens in a chunk.")
  var chunk: Int = 512

  @OptionGroup var placement: DeviceFlags

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() async throws {
    var text = try InputFile.text(file)
    if text.utf8.last == UInt8(ascii: "\n") { text = String(decoding: text.utf8.dropLast(), as: UTF8.self) }
    let model = try await placement.load(model)
    guard let tokenizer = model.tokenizer else {
      throw MartletError(.unsupportedModel, "\(model.name) has no vocabulary, so a text cannot be scored")
    }
    let ids = tokenizer.encode(text, addSpecial: true)
    let result = try model.perplexity(of: ids, context: chunk) { done, all, perplexity in
      if Console.isInteractive {
        Console.status("\r\(done) of \(all) chunks: \(GenerationOutput.decimal(perplexity, 4)) ")
        if done == all { Console.status("\r\u{1B}[K") }
      }
    }
    if json {
      let object: TemplateValue = [
        "perplexity": .double(result.perplexity), "tokens": .int(result.tokens), "chunks": .int(result.chunks),
      ]
      Console.write(try object.jsonText() + "\n")
    } else {
      Console.write(
        "perplexity \(GenerationOutput.decimal(result.perplexity, 4)) (\(result.tokens) tokens in \(result.chunks) chunks)\n"
      )
    }
  }
}
