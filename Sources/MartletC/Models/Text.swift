// The names of the functions below and their documentation are those of the headers.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation, AlwaysUseLowerCamelCase

public import CMartlet
internal import Martlet
internal import MartletEngine
internal import MartletTemplate
internal import MartletText

/// The vocabulary and templates of a model, which some models do not have.
func textModel(_ model: Model) throws(Failure) -> TextModel {
  guard let text = model.internals.text else {
    throw Failure(MARTLET_UNSUPPORTED_MODEL, "\(model.name) has no vocabulary: give and take token ids")
  }
  return text
}

/// A conversation written by a model's chat template.
func render(
  _ text: TextModel, _ messages: UnsafePointer<CChar>?, _ tools: UnsafePointer<CChar>?, addGenerationPrompt: Bool
) throws -> String {
  func value(_ json: UnsafePointer<CChar>?, _ name: String) throws -> TemplateValue {
    let json = try string(json, name)
    let value: TemplateValue
    do {
      value = try TemplateValue(json: json.utf8)
    } catch {
      throw Failure.argument(name, expected: "a JSON array", found: "this: \(error)")
    }
    guard case .array = value else { throw Failure.argument(name, expected: "a JSON array", found: "another value") }
    return value
  }
  return try text.render(
    value(messages, "messages"), tools: tools == nil ? nil : value(tools, "tools"),
    addGenerationPrompt: addGenerationPrompt)
}

/// Text of the caller as the tokenizer takes it.
private func utf8(_ text: UnsafePointer<CChar>?, _ length: Int) throws(Failure) -> UnsafeBufferPointer<UInt8> {
  try bytes(text, length, "text").assumingMemoryBound(to: UInt8.self)
}

@c @implementation
public func martlet_tokenize(
  _ model: martlet_model_t?, _ text: UnsafePointer<CChar>?, _ length: Int, _ add_special: Bool, _ parse_special: Bool,
  _ tokens: UnsafeMutablePointer<UnsafeMutablePointer<Int32>?>?, _ count: UnsafeMutablePointer<Int>?
) -> martlet_status {
  boundary {
    let (tokens, count) = (try required(tokens, "tokens"), try required(count, "count"))
    let tokenizer = try textModel(MartletC.model(model)).tokenizer
    try give(
      tokenizer.encode(try utf8(text, length), addSpecial: add_special, parseSpecial: parse_special), tokens, count)
  }
}

@c @implementation
public func martlet_detokenize(
  _ model: martlet_model_t?, _ tokens: UnsafePointer<Int32>?, _ count: Int, _ skip_special: Bool,
  _ text: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ length: UnsafeMutablePointer<Int>?
) -> martlet_status {
  boundary {
    let text = try required(text, "text")
    let tokenizer = try textModel(MartletC.model(model)).tokenizer
    let ids = Array(try list(tokens, count, "tokens"))
    let decoded: String
    do {
      decoded = try tokenizer.decode(ids, skipSpecial: skip_special)
    } catch {
      throw Failure(MARTLET_INVALID_ARGUMENT, "tokens: \(error)")
    }
    try give(decoded.utf8, text, length)
  }
}

@c @implementation
public func martlet_token_text(
  _ model: martlet_model_t?, _ token: Int32, _ bytes: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ length: UnsafeMutablePointer<Int>?
) -> martlet_status {
  boundary {
    let bytes = try required(bytes, "bytes")
    let tokenizer = try textModel(MartletC.model(model)).tokenizer
    guard let found = tokenizer.bytes(of: token) else {
      throw Failure.argument("token", expected: "0 to \(tokenizer.vocabularySize - 1)", found: "\(token)")
    }
    try give(found, bytes, length)
  }
}

@c @implementation
public func martlet_token_id(
  _ model: martlet_model_t?, _ text: UnsafePointer<CChar>?, _ length: Int, _ token: UnsafeMutablePointer<Int32>?
) -> martlet_status {
  boundary {
    let token = try required(token, "token")
    let spelling = String(decoding: try bytes(text, length, "text"), as: UTF8.self)
    guard let found = try textModel(MartletC.model(model)).tokenizer.token(for: spelling) else {
      throw Failure(MARTLET_NOT_FOUND, "no token is spelled '\(spelling)'")
    }
    token.pointee = found
  }
}

@c @implementation
public func martlet_render(
  _ model: martlet_model_t?, _ messages: UnsafePointer<CChar>?, _ tools: UnsafePointer<CChar>?,
  _ add_generation_prompt: Bool, _ text: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
  _ length: UnsafeMutablePointer<Int>?
) -> martlet_status {
  boundary {
    let text = try required(text, "text")
    let rendered = try render(
      textModel(MartletC.model(model)), messages, tools, addGenerationPrompt: add_generation_prompt)
    try give(rendered.utf8, text, length)
  }
}
