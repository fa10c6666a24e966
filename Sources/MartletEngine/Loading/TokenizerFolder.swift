internal import MartletModels
internal import MartletRuntime
internal import MartletTemplate
internal import MartletText

/// What a folder says about text: the contents of its tokenizer files, and its chat template.
struct TokenizerFolder {
  let files: TokenizerFiles
  /// The template's source.
  let chatTemplate: String?

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
    if let source = try contents("chat_template.jinja") {
      chatTemplate = String(decoding: source, as: UTF8.self)
    } else {
      chatTemplate = try configuration.flatMap { Self.template(in: try TemplateValue(json: $0)) }
    }
  }

  /// The template of a `tokenizer_config.json`: one text, or a list of named ones of which `default` is meant.
  private static func template(in configuration: TemplateValue) -> String? {
    switch configuration["chat_template"] {
    case .string(let source)?: return source
    case .array(let templates)?:
      for template in templates where template["name"] == "default" {
        if case .string(let source)? = template["template"] { return source }
      }
      return nil
    default: return nil
    }
  }
}
