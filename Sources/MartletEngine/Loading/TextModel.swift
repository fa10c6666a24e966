package import MartletModels
internal import MartletRuntime
public import MartletTemplate
public import MartletText

/// What a model's files say about text: its vocabulary and how conversations are written.
public struct TextModel: Sendable {
  /// Text to token ids and back.
  public let tokenizer: Tokenizer
  /// How the model's makers write a conversation; nil if the files do not say.
  public let chatTemplate: ChatTemplate?

  /// Reads the vocabulary and template of a GGUF file or a folder; nil if there is no vocabulary.
  package init?(path: String) throws {
    if MappedFile.isFolder(path) {
      try self.init(folder: CheckpointFolder(path: path))
    } else {
      try self.init(gguf: GGUFFile(path: path))
    }
  }

  /// Reads a GGUF file's vocabulary and template; nil if the file has no vocabulary.
  package init?(gguf file: GGUFFile) throws {
    guard let description = try TokenizerDescription(gguf: file) else { return nil }
    tokenizer = try Tokenizer(description)
    chatTemplate = try file.metadata.string("tokenizer.chat_template").map { source throws(TemplateError) in
      try ChatTemplate(source: source)
    }
  }

  /// Reads the vocabulary and template of a folder; nil if the folder has no `tokenizer.json`.
  package init?(folder: CheckpointFolder) throws {
    func contents(_ name: String) throws -> [UInt8]? {
      guard let file = try folder.contents(of: name) else { return nil }
      return withExtendedLifetime(file) { Array(file.bytes) }
    }
    guard let vocabulary = try contents("tokenizer.json") else { return nil }
    let configuration = try contents("tokenizer_config.json")
    tokenizer = try Tokenizer(
      TokenizerFiles(
        tokenizer: vocabulary, configuration: configuration, specialTokens: try contents("special_tokens_map.json"),
        generation: try contents("generation_config.json")))
    if let source = try contents("chat_template.jinja") {
      chatTemplate = try ChatTemplate(source: String(decoding: source, as: UTF8.self))
    } else {
      chatTemplate = try configuration.flatMap { try Self.template(in: TemplateValue(json: $0)) }
    }
  }

  /// The template of a `tokenizer_config.json`: one text, or a list of named ones of which `default` is meant.
  private static func template(in configuration: TemplateValue) throws -> ChatTemplate? {
    switch configuration["chat_template"] {
    case .string(let source)?: return try ChatTemplate(source: source)
    case .array(let templates)?:
      for template in templates where template["name"] == "default" {
        if case .string(let source)? = template["template"] { return try ChatTemplate(source: source) }
      }
      return nil
    default: return nil
    }
  }

  /// The text that the model continues for a conversation.
  /// - Parameters:
  ///   - messages: roles and contents in order.
  ///   - tools: JSON schemas of functions.
  ///   - addGenerationPrompt: whether to end with the words that begin an answer.
  /// - Throws: `TemplateError`, also of kind `raised` if the template refuses the conversation.
  public func render(
    _ messages: TemplateValue, tools: TemplateValue? = nil, addGenerationPrompt: Bool = true
  ) throws -> String {
    guard let chatTemplate else { throw MissingChatTemplate() }
    return try chatTemplate.render(
      messages: messages, tools: tools, addGenerationPrompt: addGenerationPrompt,
      beginToken: beginText, endToken: endText)
  }

  /// The ids of a rendered conversation. The template writes control tokens as text, so they count as such; as in
  /// transformers nothing is added that the template did not write.
  public func encodeRendered(_ rendered: String) -> [Int32] {
    tokenizer.encode(rendered, addSpecial: false, parseSpecial: true)
  }

  /// The text of the token that begins a document; empty if there is none.
  public var beginText: String { text(of: tokenizer.beginToken) }
  /// The text of the token that ends one; empty if there is none.
  public var endText: String { text(of: tokenizer.endToken) }

  private func text(of token: Int32?) -> String {
    token.flatMap { tokenizer.bytes(of: $0) }.map { String(decoding: $0, as: UTF8.self) } ?? ""
  }
}

/// A conversation was asked of a model whose files have no chat template.
public struct MissingChatTemplate: Error, CustomStringConvertible {
  /// The error; it has no details.
  public init() {}

  /// What to do instead.
  public var description: String {
    "the model's files have no chat template, so it cannot hold a conversation; use 'complete' with plain text"
  }
}
