import ArgumentParser
import Martlet

/// `martlet tokenize MODEL [TEXT]`
struct TokenizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tokenize", abstract: "Print the token ids of a text as a JSON array, or the text of token ids.",
    discussion: "Works for vocabulary-only files too: weights are not read.")

  @Argument(help: "The model.")
  var model: String

  @OptionGroup var input: TextInput

  @Flag(help: "Add the tokens that the model wants at the beginning and end.")
  var addSpecial = false

  @Flag(help: "Read the text of control tokens as these tokens.")
  var parseSpecial = false

  @Option(parsing: .unconditional, help: "Print the text of these ids, separated by commas.")
  var decode: String?

  func run() throws {
    let text = try input.read()
    guard (text == nil) != (decode == nil) else {
      throw ValidationError("give one of TEXT, --file and --decode")
    }
    let tokenizer = try ModelFiles.textModel(model).tokenizer
    if let decode {
      let ids = try TokenList.parse(decode, flag: "--decode")
      if let id = ids.first(where: { $0 >= tokenizer.vocabularySize }) {
        throw MartletError(
          .invalidRequest,
          "--decode: \(id) is not a token id of \(model), which has 0 to \(tokenizer.vocabularySize - 1)")
      }
      Console.write(try tokenizer.decode(ids, skipSpecial: false) + "\n")
      return
    }
    let ids = tokenizer.encode(text ?? "", addSpecial: addSpecial, parseSpecial: parseSpecial)
    Console.write(TokenList.json(ids) + "\n")
  }
}

/// `martlet render MODEL --messages FILE`
struct RenderCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "render", abstract: "Print what a chat template makes of a conversation.")

  @Argument(help: "The model; not needed with --template.")
  var model: String?

  @Option(parsing: .unconditional, help: "A JSON file with an array of messages.")
  var messages: String

  @Option(parsing: .unconditional, help: "A JSON file with an array of tools.")
  var tools: String?

  @Option(parsing: .unconditional, help: "A file with the template to use instead of the model's.")
  var template: String?

  @Flag(help: "Leave out the words that begin the assistant's answer.")
  var noGenerationPrompt = false

  @Option(parsing: .unconditional, help: "The text of the token that begins a document.")
  var bos: String?

  @Option(parsing: .unconditional, help: "The text of the token that ends one.")
  var eos: String?

  @Option(parsing: .unconditional, help: "The time that the template sees: 2026-01-02T03:04:05.")
  var now: String?

  func run() throws {
    guard model != nil || template != nil else { throw ValidationError("give a MODEL or --template") }
    let text = try model.map { try ModelFiles.textModel($0) }
    let source = try template.map { path in
      let text = try InputFile.text(path)
      return try MartletError.reading(path) { try ChatTemplate(source: text) }
    }
    let tools = try tools.map { try InputFile.objects($0) }
    guard let chatTemplate = try source ?? text?.chatTemplate(hasTools: tools != nil) else {
      throw MissingChatTemplate()
    }
    let date = try now.map { written in
      guard let date = TemplateDate(iso8601: written) else {
        throw ValidationError("--now is '\(written)'; write it as 2026-01-02T03:04:05")
      }
      return date
    }
    let rendered = try chatTemplate.render(
      messages: try InputFile.objects(messages), tools: tools, addGenerationPrompt: !noGenerationPrompt,
      beginToken: bos ?? text?.beginText ?? "", endToken: eos ?? text?.endText ?? "",
      specialTokens: text?.specialTokens ?? [:], now: { date ?? TemplateDate.now() })
    Console.write(rendered)
  }
}
