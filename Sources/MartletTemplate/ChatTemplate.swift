/// A chat template: turns a conversation into the text that a model was trained to continue.
public struct ChatTemplate: Sendable {
  /// The compiled template.
  public let template: Template

  /// Compiles the text of a chat template, as `tokenizer_config.json`, `chat_template.jinja` or a GGUF file holds it.
  ///
  /// - Throws: ``TemplateError`` of kind `syntax` with the line.
  public init(source: String) throws(TemplateError) {
    template = try Template(source: source)
  }

  /// Whether the template does anything with tools that it is given.
  public var supportsTools: Bool { template.mentions("tools") }

  /// Renders a conversation with the variables that transformers' `apply_chat_template` passes.
  ///
  /// - Parameters:
  ///   - messages: A list of mappings with `role` and `content`, and whatever else the template knows.
  ///   - tools: A list of JSON schemas of functions, or nil for none. Without tools the variable is `none`, as in
  ///     transformers; a template that then fails because it takes `none` for a list is rendered with the variable
  ///     undefined, which is what such templates were written for.
  ///   - addGenerationPrompt: Whether to end with the words that begin the assistant's answer.
  ///   - beginToken: The text of the token that begins a document, `bos_token` in templates.
  ///   - endToken: The text of the token that ends one, `eos_token` in templates.
  ///   - specialTokens: The texts of other tokens with a role by what templates call them: `pad_token`, `unk_token`.
  ///   - extra: More variables, such as `enable_thinking` or `documents`; they win over the ones above.
  ///   - limits: What the rendering may spend.
  ///   - now: The time that `strftime_now` shows.
  /// - Throws: ``TemplateError``; of kind `raised` with the template's own words when it refuses the conversation.
  public func render(
    messages: TemplateValue, tools: TemplateValue? = nil, addGenerationPrompt: Bool, beginToken: String = "",
    endToken: String = "", specialTokens: [String: String] = [:], extra: [String: TemplateValue] = [:],
    limits: TemplateLimits = .default,
    now: @escaping () -> TemplateDate = TemplateDate.now
  ) throws(TemplateError) -> String {
    var variables: [String: TemplateValue] = [
      "messages": ChatTemplate.namingReasoning(messages),
      "tools": tools ?? .null,
      "documents": .null,
      "add_generation_prompt": .bool(addGenerationPrompt),
      "bos_token": .string(beginToken),
      "eos_token": .string(endToken),
    ]
    variables.merge(specialTokens.mapValues { .string($0) }) { own, _ in own }
    variables.merge(extra) { _, given in given }
    do {
      return try template.render(variables, limits: limits, now: now)
    } catch {
      guard error.kind == .type, variables["tools"] == .null else { throw error }
      variables["tools"] = nil
      // When that fails too, the first failure is the one to report.
      guard let text = try? template.render(variables, limits: limits, now: now) else { throw error }
      return text
    }
  }

  /// Gives every message that carries its reasoning under one of the names in use the two names that templates read,
  /// as transformers does.
  private static func namingReasoning(_ messages: TemplateValue) -> TemplateValue {
    guard case .array(let items) = messages else { return messages }
    return .array(items.map(namingReasoning(in:)))
  }

  private static func namingReasoning(in message: TemplateValue) -> TemplateValue {
    guard case .object(let object) = message else { return message }
    let names = ["reasoning_content", "thinking", "reasoning"]
    guard let reasoning = names.lazy.compactMap({ object[$0] }).first(where: { $0 != .null }) else { return message }
    var renamed = TemplateObject()
    renamed["thinking"] = reasoning
    for entry in object.entries {
      if case .string(let key) = entry.key { renamed[key] = entry.value }
    }
    renamed["reasoning_content"] = reasoning
    return .object(renamed)
  }
}
