internal import MartletModels
internal import MartletRuntime
internal import MartletTemplate
internal import MartletText

/// What a folder says about text: the contents of its tokenizer files, and its chat templates.
struct TokenizerFolder {
  let files: TokenizerFiles
  /// The sources of the chat templates by their names; the one without a name is `default`.
  let chatTemplates: [String: String]
  /// The texts of the tokens with a role, by what templates call them.
  let specialTokens: [String: String]

  /// Nil if the folder has no `tokenizer.json`.
  init?(_ folder: CheckpointFolder) throws {
    func contents(_ name: String) throws -> [UInt8]? {
      guard let file = try folder.contents(of: name) else { return nil }
      return withExtendedLifetime(file) { Array(file.bytes) }
    }
    guard let vocabulary = try contents("tokenizer.json") else { return nil }
    let configuration = try contents("tokenizer_config.json")
    files = TokenizerFiles(
      tokenizer: vocabulary, configuration: configuration, specialTokens: try contents("special_tokens_map.json"),
      generation: try contents("generation_config.json"))
    let fields = try configuration.map { try TemplateValue(configuration: $0) }
    var templates: [String: String] = [:]
    if let source = try contents("chat_template.jinja") {
      templates["default"] = String(decoding: source, as: UTF8.self)
    }
    let (more, suffix) = ("additional_chat_templates", ".jinja")
    for name in folder.names(in: more) where name.hasSuffix(suffix) {
      guard let source = try contents(more + "/" + name) else { continue }
      templates[String(name.dropLast(suffix.count))] = String(decoding: source, as: UTF8.self)
    }
    // Files of their own take the place of all that the configuration has, as in transformers.
    chatTemplates = templates.isEmpty ? fields.map(Self.templates) ?? [:] : templates
    // A damaged map is told by the tokenizer, which reads it too.
    let others = files.specialTokens.flatMap { try? TemplateValue(configuration: $0) }
    specialTokens = Self.roles.reduce(into: [:]) { texts, name in
      texts[name] = [fields, others].lazy.compactMap { $0.flatMap { Self.text(of: $0[name]) } }.first
    }
  }

  /// The tokens that transformers passes to templates.
  private static let roles = ["bos", "eos", "unk", "sep", "pad", "cls", "mask"].map { $0 + "_token" }

  /// The templates of a `tokenizer_config.json`: one text, a list of named ones, or an object of them.
  private static func templates(in configuration: TemplateValue) -> [String: String] {
    var templates: [String: String] = [:]
    switch configuration["chat_template"] {
    case .string(let source)?: templates["default"] = source
    case .array(let entries)?:
      for entry in entries {
        guard case .string(let name)? = entry["name"], case .string(let source)? = entry["template"] else { continue }
        templates[name] = source
      }
    case .object(let object)?:
      for name in object.keys {
        if case .string(let source)? = object[name] { templates[name] = source }
      }
    default: break
    }
    return templates
  }

  /// A token's text, which stands by itself or as the `content` of an object.
  private static func text(of token: TemplateValue?) -> String? {
    switch token {
    case .string(let text)?: text
    case .object(let object)?: text(of: object["content"])
    default: nil
    }
  }
}
