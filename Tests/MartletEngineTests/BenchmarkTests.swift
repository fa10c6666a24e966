import MartletEngine
import MartletModels
import MartletRuntime
import MartletTemplate
import MartletTensor
import Testing

@Suite("Benchmark", .serialized)
struct BenchmarkTests {
  @Test(
    "a spread is median, smallest and greatest",
    arguments: [
      ([3.0], 3.0, 3.0, 3.0),
      ([5, 1, 3], 3, 1, 5),
      ([4, 1, 2, 10], 3, 1, 10),
      ([2, 2, 2, 2, 9], 2, 2, 9),
    ])
  func spread(values: [Double], median: Double, min: Double, max: Double) {
    let spread = Spread(values)
    #expect(spread.median == median)
    #expect(spread.min == min)
    #expect(spread.max == max)
  }

  /// Settings that fit a context of 512 tokens, but for what is given.
  private static func settings(
    prompt: Int = 32, generate: Int = 8, depth: Int = 0, batch: Int = 1, repetitions: Int = 1
  ) -> BenchmarkSettings {
    var settings = BenchmarkSettings()
    (settings.promptTokens, settings.generateTokens, settings.depth) = (prompt, generate, depth)
    (settings.batch, settings.repetitions) = (batch, repetitions)
    return settings
  }

  @Test("settings that fit are taken")
  func settingsThatFit() throws {
    try Self.settings(prompt: 512, generate: 12, depth: 500, batch: 4096).validate(contextLength: 512)
  }

  @Test(
    "settings that make no sense are refused by name",
    arguments: [
      ("prompt tokens", settings(prompt: 513)), ("prompt tokens", settings(prompt: -1)),
      ("generated tokens", settings(generate: 513)), ("depth", settings(depth: 505)), ("depth", settings(depth: -1)),
      ("batch", settings(batch: 0)), ("repetitions", settings(repetitions: 0)),
      ("what to measure", settings(prompt: 0, generate: 0)),
    ])
  func settingsAreChecked(field: String, settings: BenchmarkSettings) {
    let error = #expect(throws: RequestError.self) { try settings.validate(contextLength: 512) }
    #expect(error.map { "\($0)" }?.contains(field) == true)
  }

  @Test("a tiny shape is measured without a file", arguments: [1, 2])
  func tinyShape(threads: Int) throws {
    let subject = try TinyDecoder.subject(.q4_0, threads: threads)
    var shares: [Double] = []
    var benchmark = try Benchmark(
      subject, Self.settings(prompt: 600, generate: 5, depth: 20, batch: 3, repetitions: 2))
    let report = try benchmark.run { shares.append($0) }

    #expect(report.threads == threads)
    #expect(InstructionSet.available.contains(report.instructionSet))
    #expect(report.limits.products == .bytes)
    #expect(report.results.map(\.test) == [.prompt, .generate])
    #expect(report.results.map(\.tokens) == [600, 5])
    #expect(report.results.map(\.depth) == [0, 20])
    #expect(report.results.map(\.batch) == [1, 3])
    for result in report.results {
      let rates = result.tokensPerSecond
      #expect(rates.min > 0 && rates.max.isFinite)
      #expect(rates.min <= rates.median && rates.median <= rates.max)
      #expect(result.bandwidthShare > 0 && result.bandwidthShare.isFinite)
      #expect(result.operationsShare > 0 && result.operationsShare < 1)
    }
    #expect(shares == shares.sorted())
    #expect(shares.count == 6 && shares.last == 1)
  }

  @Test("a test of no tokens is left out")
  func leftOut() throws {
    var benchmark = try Benchmark(TinyDecoder.subject(.f32), Self.settings(prompt: 0, generate: 2))
    let report = try benchmark.run()
    #expect(report.results.map(\.test) == [.generate])
    #expect(report.limits.products == .f32)
  }

  @Test("the JSON has the keys of the contract, and the table the figures")
  func reports() throws {
    var settings = Self.settings(prompt: 16, generate: 2)
    settings.isDeterministic = true
    var benchmark = try Benchmark(TinyDecoder.subject(.q8_0), settings)
    let report = try benchmark.run()
    guard case .object(let top) = report.json, case .object(let limits) = top["limits"],
      case .array(let results) = top["results"]
    else {
      Issue.record("not the shape of a report: \(report.json)")
      return
    }
    #expect(top.keys == ["model", "device", "threads", "instruction_set", "deterministic", "limits", "results"])
    #expect(top["deterministic"] == true)
    #expect(limits.keys == ["bandwidth_gb_s", "ops_g_s"])
    #expect(results.count == 2)
    for (result, name) in zip(results, ["prompt", "generate"]) {
      guard case .object(let result) = result, case .object(let rates) = result["tokens_per_s"] else {
        Issue.record("not the shape of a result: \(result)")
        return
      }
      #expect(
        result.keys == ["test", "tokens", "depth", "batch", "tokens_per_s", "share_of_bandwidth", "share_of_ops"])
      #expect(result["test"] == .string(name))
      #expect(rates.keys == ["median", "min", "max"])
    }
    for word in [
      "tiny", "1 thread,", report.instructionSet, "deterministic", "GB/s", "prompt 16", "generate 2", "q8_0",
    ] {
      #expect(report.text.contains(word))
    }
  }

  @Test("a step's least cost, counted by hand")
  func cost() throws {
    let decoder = try TinyDecoder.subject(.f32).decoder
    // Two layers: q, k, v (64 + 32 + 32) x 64, o 64 x 64, gate and up 2 x 256 x 64, down 64 x 256; head 96 x 64.
    let layers = 2 * (128 * 64 + 64 * 64 + 512 * 64 + 64 * 256)
    let head = 96 * 64
    // Keys and values of two heads of 16 numbers in two layers, f32.
    let cacheToken = 2 * 2 * 2 * 16 * 4
    let generate = decoder.cost(tokens: 1, depth: 9, sequences: 3, logitRows: 3)
    #expect(generate.bytes == Double(4 * (layers + head) + cacheToken * 10 * 3))
    // Four heads of 16 in two layers, a product with each of 10 keys and 10 values.
    #expect(generate.operations == Double(2 * 3 * (layers + head) + 4 * 2 * 64 * 10 * 3))
    let prompt = decoder.cost(tokens: 4, depth: 0, sequences: 1, logitRows: 0)
    #expect(prompt.bytes == Double(4 * layers + cacheToken * 4))
    #expect(prompt.operations == Double(2 * 4 * layers + 4 * 2 * 64 * (1 + 2 + 3 + 4)))
  }

  @Test("the limits are those of a machine", arguments: InstructionSet.available)
  func limits(instructionSet: String) throws {
    let stream = try Stream(
      on: Context().runtime(for: .cpu), threads: 2, instructionSet: InstructionSet(named: instructionSet))
    for products in [MachineLimits.Products.bytes, .f32, .bf16] {
      let limits = try MachineProbe(of: stream, products: products).measure()
      #expect(limits.bandwidth > 1e9 && limits.bandwidth < 1e13)
      #expect(limits.operations > 1e9 && limits.operations < 1e15)
    }
  }

  @Test(
    "a type that is unknown or does not fit the shape is refused with the types that do",
    arguments: [("q3_k", DecoderShape.llama1B), ("q4_k", .smolLM2)])
  func unknownType(name: String, shape: DecoderShape) {
    let error = #expect(throws: RequestError.self) {
      _ = try BenchmarkSubject(shape: shape, type: name, options: ModelOptions())
    }
    #expect(error.map { "\($0)" }?.contains("q4_0, q4_1, q5_0, q5_1") == true)
  }
}

/// A decoder of two small layers with random weights.
enum TinyDecoder {
  static var configuration: DecoderConfiguration {
    var configuration = DecoderShape.smolLM2.configuration
    (configuration.layerCount, configuration.vocabularySize, configuration.contextLength) = (2, 96, 1024)
    (configuration.hiddenSize, configuration.feedForwardSize) = (64, 256)
    (configuration.headCount, configuration.keyHeadCount, configuration.headDimension) = (4, 2, 16)
    return configuration
  }

  /// As ``configuration``, with rows that every type's blocks divide.
  static var wideConfiguration: DecoderConfiguration {
    var configuration = configuration
    (configuration.hiddenSize, configuration.headDimension) = (256, 64)
    return configuration
  }

  static func subject(
    _ dtype: DType, _ configuration: DecoderConfiguration = configuration, bias: Bool = false, threads: Int = 1
  ) throws -> BenchmarkSubject {
    let runtime = try Context().runtime(for: .cpu)
    var configuration = configuration
    configuration.biases = bias ? .queryKeyValue : []
    configuration.tiesEmbeddings = !bias
    var options = ModelOptions()
    options.threads = threads
    return try BenchmarkSubject(
      name: "tiny", configuration: configuration,
      weights: RandomWeights(configuration, name: "tiny", dtype: dtype, on: runtime),
      runtime: runtime, options: options)
  }
}
