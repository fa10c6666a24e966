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
  /// How they write one with tools, where that takes a template of its own (`tool_use`).
  public let toolTemplate: ChatTemplate?
  /// The names of all templates of the files; `default` is ``chatTemplate``.
  public let chatTemplateNames: [String]
  /// The texts of the tokens with a role by what templates call them, such as `pad_token`.
  public let specialTokens: [String: String]

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
    var templates: [String: String] = [:]
    templates["default"] = try file.metadata.string("tokenizer.chat_template")
    let prefix = "tokenizer.chat_template."
    for entry in file.metadata.entries where entry.key.hasPrefix(prefix) {
      templates[String(entry.key.dropFirst(prefix.count))] = try file.metadata.string(entry.key)
    }
    let tokenizer = try Tokenizer(description)
    var specialTokens: [String: String] = [:]
    for (name, token) in [("unk_token", tokenizer.unknownToken), ("pad_token", tokenizer.paddingToken)] {
      specialTokens[name] = token.flatMap { tokenizer.bytes(of: $0) }.map { String(decoding: $0, as: UTF8.self) }
    }
    try self.init(tokenizer, templates, specialTokens)
  }

  /// Reads the vocabulary and template of a folder; nil if the folder has no `tokenizer.json`.
  package init?(folder: CheckpointFolder) throws {
    guard let text = try TokenizerFolder(folder) else { return nil }
    try self.init(Tokenizer(text.files), text.chatTemplates, text.specialTokens)
  }

  private init(_ tokenizer: Tokenizer, _ templates: [String: String], _ specialTokens: [String: String]) throws {
    self.tokenizer = tokenizer
    self.specialTokens = specialTokens
    chatTemplateNames = templates.keys.sorted()
    chatTemplate = try templates["default"].map { source throws(TemplateError) in try ChatTemplate(source: source) }
    toolTemplate = try templates["tool_use"].map { source throws(TemplateError) in try ChatTemplate(source: source) }
  }

  /// The template for a conversation, chosen as transformers does: with tools the one for tools if there is one.
  /// - Throws: ``MissingChatTemplate``.
  public func chatTemplate(hasTools: Bool) throws(MissingChatTemplate) -> ChatTemplate {
    guard let template = (hasTools ? toolTemplate : nil) ?? chatTemplate else {
      throw MissingChatTemplate(names: chatTemplateNames)
    }
    return template
  }

  /// The text that the model continues for a conversation.
  /// - Parameters:
  ///   - messages: roles and contents in order.
  ///   - tools: JSON schemas of functions.
  ///   - addGenerationPrompt: whether to end with the words that begin an answer.
  ///   - extra: more variables for the template, such as `enable_thinking`.
  /// - Throws: `TemplateError`, also of kind `raised` if the template refuses the conversation.
  public func render(
    _ messages: TemplateValue, tools: TemplateValue? = nil, addGenerationPrompt: Bool = true,
    extra: [String: TemplateValue] = [:]
  ) throws -> String {
    try chatTemplate(hasTools: (tools ?? .null) != .null).render(
      messages: messages, tools: tools, addGenerationPrompt: addGenerationPrompt, beginToken: beginText,
      endToken: endText, specialTokens: specialTokens, extra: extra)
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

/// A conversation was asked of a model whose files have no chat template for it.
public struct MissingChatTemplate: Error, CustomStringConvertible {
  /// The templates that there are for other purposes.
  public let names: [String]

  /// The error for files with templates of these names only.
  public init(names: [String] = []) { self.names = names }

  /// What to do instead.
  public var description: String {
    guard !names.isEmpty else {
      return "the model's files have no chat template, so it cannot hold a conversation; use 'complete' with plain text"
    }
    let found = names.map { "'\($0)'" }.joined(separator: ", ")
    return "the model's files have no chat template named 'default', only \(found), so it cannot hold a conversation; "
      + "'render --template' takes a template from a file, 'complete' plain text"
  }
}
