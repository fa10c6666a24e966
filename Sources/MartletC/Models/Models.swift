// The names of the functions below and their documentation are those of the headers.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation, AlwaysUseLowerCamelCase

public import CMartlet
internal import Martlet
internal import MartletEngine
internal import MartletModels
internal import MartletRuntime
internal import MartletText

/// What a model's handle stands for.
final class ModelObject: HandleObject {
  static let handleKind = HandleKind.model
  let model: Model
  init(_ model: Model) { self.model = model }
}

/// The model behind a handle.
func model(_ handle: martlet_model_t?) throws(Failure) -> Model {
  let object: ModelObject = try HandleTable.shared.object(handle, "model")
  return object.model
}

extension martlet_model_options {
  static var defaults: martlet_model_options { martlet_model_options() }
}

extension ModelOptions {
  init(_ options: martlet_model_options) throws {
    self.init()
    if options.device != nil { device = try Device(parsing: string(options.device, "options->device")) }
    if options.compute != nil { compute = try Self.choice(options.compute, "options->compute") }
    if options.cache != nil { cache = try Self.choice(options.cache, "options->cache") }
    guard (0...ThreadPool.maximumThreadCount).contains(Int(options.threads)) else {
      throw Failure.argument(
        "options->threads", expected: "0 (all) to \(ThreadPool.maximumThreadCount)", found: "\(options.threads)")
    }
    if options.threads > 0 { threads = Int(options.threads) }
    if options.context_length != 0 { contextLength = Int(options.context_length) }
    isDeterministic = options.deterministic
  }

  /// One of the names of a type.
  private static func choice<Choice: CaseIterable & RawRepresentable<String>>(
    _ pointer: UnsafePointer<CChar>?, _ name: String
  ) throws(Failure) -> Choice {
    let text = try string(pointer, name)
    guard let choice = Choice(rawValue: text) else {
      let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw .argument(name, expected: "one of \(known)", found: "'\(text)'")
    }
    return choice
  }
}

@c @implementation
public func martlet_model_options_init(
  _ options: UnsafeMutablePointer<martlet_model_options>?, _ struct_size: Int
) -> martlet_status {
  boundary {
    try Versioned.initialize(try required(options, "options"), size: struct_size, defaults: .defaults)
  }
}

@c @implementation
public func martlet_model_load(
  _ name: UnsafePointer<CChar>?, _ options: UnsafePointer<martlet_model_options>?,
  _ model: UnsafeMutablePointer<martlet_model_t?>?
) -> martlet_status {
  boundary {
    let out = try required(model, "model")
    let name = try string(name, "name")
    let options =
      try options.map { try Versioned.read($0, defaults: .defaults, "options", flags: [\.deterministic]) } ?? .defaults
    let loaded = try Model(name, options: ModelOptions(options)) { share in
      if let progress = options.progress, !progress(share, options.progress_data) { throw CancellationError() }
    }
    out.pointee = try HandleTable.shared.insert(ModelObject(loaded))
  }
}

@c @implementation
public func martlet_model_free(_ model: martlet_model_t?) -> martlet_status {
  boundary { try HandleTable.shared.remove(model, as: ModelObject.self, "model") }
}

@c @implementation
public func martlet_model_describe(
  _ model: martlet_model_t?, _ info: UnsafeMutablePointer<martlet_model_info>?
) -> martlet_status {
  boundary {
    let model = try MartletC.model(model)
    let info = try required(info, "info")
    let tokenizer = model.tokenizer
    var result = martlet_model_info()
    result.context_length = Int64(model.contextLength)
    result.vocabulary_size = Int64(model.internals.decoder.configuration.vocabularySize)
    result.has_tokenizer = tokenizer != nil
    result.has_chat_template = model.internals.text?.chatTemplate != nil
    result.begin_token = tokenizer?.beginToken ?? -1
    result.end_token = tokenizer?.endToken ?? model.internals.endTokens.first ?? -1
    result.padding_token = tokenizer?.paddingToken ?? -1
    result.unknown_token = tokenizer?.unknownToken ?? -1
    result.device_type = martlet_device_type(rawValue: DeviceFamily(model.device.kind).rawValue)
    result.device_index = Int32(model.device.index)
    try Versioned.write(result, to: info, "info")
  }
}

@c @implementation
public func martlet_model_end_tokens(
  _ model: martlet_model_t?, _ tokens: UnsafeMutablePointer<UnsafeMutablePointer<Int32>?>?,
  _ count: UnsafeMutablePointer<Int>?
) -> martlet_status {
  boundary {
    let (tokens, count) = (try required(tokens, "tokens"), try required(count, "count"))
    try give(try MartletC.model(model).internals.endTokens, tokens, count)
  }
}
