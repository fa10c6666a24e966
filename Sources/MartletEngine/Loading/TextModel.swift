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
    guard let text = try TokenizerFolder(folder) else { return nil }
    tokenizer = try Tokenizer(text.files)
    chatTemplate = try text.chatTemplate.map { source throws(TemplateError) in try ChatTemplate(source: source) }
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
