package import MartletModels
package import MartletRuntime
internal import MartletTensor
internal import MartletText

/// What is measured: a decoder on a device, from a file or with random weights.
package struct BenchmarkSubject {
  /// The model's name for the report.
  package let name: String
  package let decoder: Decoder
  /// The stream that everything runs on; the limits are measured with its threads and instruction set.
  package let stream: Stream
  /// The most tokens of one sequence.
  package let contextLength: Int
  /// Token ids to measure with: all but those that control a conversation.
  package let tokens: [Int32]

  /// A loaded model.
  package init(_ model: LoadedModel, name: String) throws {
    self.name = name
    decoder = model.decoder
    stream = try model.makeStream()
    contextLength = model.options.contextLength ?? decoder.configuration.contextLength
    let all = Array(0..<Int32(decoder.configuration.vocabularySize))
    let plain = model.text.map { text in
      all.filter { text.tokenizer.kind(of: $0) != nil && !text.tokenizer.isSpecial($0) }
    }
    tokens = plain.flatMap { $0.isEmpty ? nil : $0 } ?? all
  }

  /// A well-known shape with random weights: no file is needed.
  /// - Parameters:
  ///   - type: the weights' type, one of ``typeNames``.
  ///   - options: device, types to calculate in, threads, context.
  ///   - progress: called with the share of layers made, 0 to 1.
  package init(
    shape: DecoderShape, type name: String, options: ModelOptions, progress: (Double) -> Void = { _ in }
  ) throws {
    let types = RandomWeights.types(for: shape.configuration)
    guard let type = types.first(where: { $0.name.lowercased() == name.lowercased() }) else {
      throw RequestError.outOfRange(
        field: "the type of \(shape.rawValue)'s weights", found: "\"\(name)\"", expected: Self.list(types))
    }
    let runtime = try Context().runtime(for: options.device ?? .preferred)
    try self.init(
      name: "\(shape.rawValue) \(type.name)", configuration: shape.configuration,
      weights: RandomWeights(shape, dtype: type, on: Runtime(.cpu)), runtime: runtime, options: options,
      progress: progress)
  }

  /// The types that random weights may have, for messages; not every shape has rows that fit every type's blocks.
  package static var typeNames: String { list(RandomWeights.types) }

  private static func list(_ types: [DType]) -> String {
    types.map { $0.name.lowercased() }.joined(separator: ", ")
  }

  /// Any configuration with weights from any source.
  package init(
    name: String, configuration: DecoderConfiguration, weights: any WeightSource, runtime: Runtime,
    options: ModelOptions, progress: (Double) -> Void = { _ in }
  ) throws {
    self.name = name
    contextLength = options.contextLength ?? configuration.contextLength
    guard (2...configuration.contextLength).contains(contextLength) else {
      throw RequestError.outOfRange(
        field: "the context", found: "\(contextLength)", expected: "2 to \(configuration.contextLength)")
    }
    stream = try Stream(on: runtime, threads: options.threads)
    decoder = try Decoder(
      WeightScope(weights), configuration, WeightLoader(compute: options.compute, stream: stream),
      cache: options.cache, progress: progress)
    tokens = Array(0..<Int32(configuration.vocabularySize))
    // The weights as they came are not needed any more; the limits' buffer and the cache are next.
    runtime.allocator.trim()
  }
}
