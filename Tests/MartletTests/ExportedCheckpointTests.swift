import Foundation
import Martlet
import MartletEngine
import MartletModels
import MartletRuntime
import MartletTensor
import Testing

/// A folder that is gone at the end.
final class ScratchFolder: Sendable {
  let url = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID().uuidString)")
  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(at: url) }
  func path(_ name: String) -> String { url.appendingPathComponent(name).path }
  var contents: [String] { (try? FileManager.default.contentsOfDirectory(atPath: url.path)) ?? [] }
}

/// The random checkpoints written as GGUF files and read again: the same model.
@Suite(.serialized) struct ExportedCheckpointTests {
  /// Checkpoints that ask for what GGUF files cannot say, and the field that says so.
  private static let refused = [
    "mistral-window": "sliding_window", "rope-dynamic": "rope_type", "rope-yarn-mscale": "truncate",
    "rope-yarn-attention-factor": "beta_fast",
  ]
  static let exported = CheckpointGolden.names.filter { refused[$0] == nil }
  static let refusedNames = refused.keys.sorted()

  private static func model(_ path: String, _ compute: ComputeType = .f32) throws -> LoadedModel {
    var options = ModelOptions()
    options.compute = compute
    return try LoadedModel(path: path, options: options)
  }

  /// The type in which a checkpoint's weights are, or f16 for f32.
  private static func ownType(_ name: String) throws -> QuantizationType {
    let folder = try CheckpointFolder(path: CheckpointGolden.path(name))
    return folder.summary.contains { $0.type == .bf16 } ? .bf16 : .f16
  }

  private static func export(
    _ name: String, as type: QuantizationType, to path: String
  ) throws -> QuantizationSummary {
    try ModelQuantizer(model: CheckpointGolden.path(name), type: type).write(to: path)
  }

  /// The logits of all positions of a prompt.
  private static func logits(_ model: LoadedModel, _ ids: [Int32]) throws -> [Double] {
    let stream = try model.makeStream()
    let cache = try KVCache(
      model.decoder.configuration, blockCount: ids.count / 16 + 1, model.decoder.cacheType, on: stream.runtime)
    var pass = try Pass(model.decoder, cache: cache, on: stream)
    var batch = Batch(sequence: ids, logitRows: ids.indices.map { Int32($0) })
    batch.rotaryLengths = model.decoder.rotaryLengths(0..<ids.count, promptLength: ids.count)
    return try #require(try pass.forward(batch)).hostValues(on: stream.runtime)
  }

  private static func relativeError(_ found: [Double], _ expected: [Double]) -> Double {
    let difference = zip(found, expected).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
    return (difference / expected.reduce(0) { $0 + $1 * $1 }).squareRoot()
  }

  /// In the checkpoint's own type nothing is lost but a last bit where scalings are told in other numbers.
  @Test(arguments: exported)
  func comesBack(_ name: String) throws {
    let folder = try ScratchFolder()
    let type = try Self.ownType(name)
    let summary = try Self.export(name, as: type, to: folder.path("model.gguf"))
    #expect(folder.contents == ["model.gguf"] && summary.fallbacks == 0 && summary.requantized == 0)
    let (original, copy) = (try Self.model(CheckpointGolden.path(name)), try Self.model(folder.path("model.gguf")))
    let ours = copy.decoder.configuration
    var theirs = original.decoder.configuration
    // What the two kinds of files say in different ways.
    let hasScaling = name.contains("rope-") || name.contains("yarn")
    (theirs.tiesEmbeddings, theirs.slidingWindow) = (nil, nil)
    if hasScaling { theirs.ropeScaling = ours.ropeScaling }
    #expect(ours == theirs)
    for prompt in try CheckpointGolden.load(name).prompts {
      let (found, expected) = (try Self.logits(copy, prompt.promptIds), try Self.logits(original, prompt.promptIds))
      let isExact = !hasScaling && original.decoder.activationType == .f32 && type.rawValue == Self.sourceType(name)
      if isExact {
        #expect(found == expected)
      } else {
        #expect(Self.relativeError(found, expected) < (type.rawValue == Self.sourceType(name) ? 1e-4 : 2e-3))
      }
    }
  }

  private static func sourceType(_ name: String) -> String? {
    try? CheckpointFolder(path: CheckpointGolden.path(name)).summary.first?.type.name
  }

  /// Fewer bits, larger errors: random weights of two layers suffer more than trained ones of many.
  @Test(arguments: [
    (QuantizationType.q8_0, 0.05), (.q6_k, 0.05), (.q5_k, 0.3), (.q4_k, 0.35), (.q4_0, 0.6), (.q4_1, 0.55),
  ])
  func fewerBits(_ type: QuantizationType, _ limit: Double) throws {
    let folder = try ScratchFolder()
    // All its rows are of 32 or 64.
    let name = "tinyllama"
    let summary = try Self.export(name, as: type, to: folder.path("model.gguf"))
    #expect((summary.fallbacks > 0) == [.q6_k, .q5_k, .q4_k].contains(type) || summary.fallbacks == 1)
    let ids = try #require(CheckpointGolden.load(name).prompts.dropFirst(2).first).promptIds
    let expected = try Self.logits(Self.model(CheckpointGolden.path(name)), ids)
    let error = Self.relativeError(try Self.logits(Self.model(folder.path("model.gguf")), ids), expected)
    #expect(error < limit && error > 1e-4, "\(error)")
    // As it stands the file loads too, with activations of 8 bits.
    _ = try Self.logits(Self.model(folder.path("model.gguf"), .auto), ids)
  }

  @Test(arguments: refusedNames)
  func refusedByTheField(_ name: String) throws {
    let folder = try ScratchFolder()
    let error = #expect(throws: MartletError.self) {
      try Self.export(name, as: .bf16, to: folder.path("model.gguf"))
    }
    #expect(error?.code == .unsupportedModel)
    let field = try #require(Self.refused[name])
    #expect(error?.message.contains(field) == true, "\(error?.message ?? "")")
    #expect(folder.contents.isEmpty)
  }

  /// A GGUF file to a GGUF file: metadata are kept, weights of the type asked for too.
  @Test func fromGGUF() throws {
    let folder = try ScratchFolder()
    let (first, second, third) = (folder.path("1.gguf"), folder.path("2.gguf"), folder.path("3.gguf"))
    _ = try Self.export("tinyllama", as: .q8_0, to: first)
    var notes: [String] = []
    let copy = try ModelQuantizer(model: first, type: .q8_0).write(to: second) { notes.append($0) }
    #expect(copy.requantized == 0 && notes.isEmpty)
    #expect(try Data(contentsOf: URL(filePath: first)) == Data(contentsOf: URL(filePath: second)))
    let smaller = try ModelQuantizer(model: first, type: .q4_0).write(to: third) { notes.append($0) }
    #expect(smaller.requantized > 0 && notes.count == 1 && notes[0].contains("quantised already"))
    let (source, target) = (try GGUFFile(path: first), try GGUFFile(path: third))
    #expect(source.metadata.entries.map(\.key) == target.metadata.entries.map(\.key))
    #expect(try target.metadata.integer("general.file_type") == 2)
    #expect(try target.metadata.integer("general.quantization_version") == 2)
  }

  @Test func damagedWeightsAreNamed() throws {
    let folder = try ScratchFolder()
    let source = try Data(contentsOf: URL(filePath: CheckpointGolden.path("llama-gqa") + "/model.safetensors"))
    for file in ["config.json", "generation_config.json"] {
      try FileManager.default.copyItem(
        atPath: CheckpointGolden.path("llama-gqa") + "/" + file, toPath: folder.path(file))
    }
    // The last number of the file is NaN, then infinite: the tensor is the one whose bytes come last.
    let checkpoint = try CheckpointFolder(path: CheckpointGolden.path("llama-gqa"))
    let last = try #require(checkpoint.summary.last).name
    for bad in [Float.nan, -.infinity] {
      let data = source.dropLast(4) + withUnsafeBytes(of: bad) { Data($0) }
      try data.write(to: folder.url.appendingPathComponent("model.safetensors"))
      for type in [QuantizationType.q8_0, .f16] {
        let error = #expect(throws: MartletError.self) {
          try ModelQuantizer(model: folder.url.path, type: type).write(to: folder.path("out.gguf"))
        }
        #expect(error?.code == .malformedFile && error?.message.contains(last) == true, "\(error?.message ?? "")")
      }
    }
    #expect(!folder.contents.contains { $0.hasPrefix("out") })
  }

  @Test func aCancelledTaskLeavesNothing() async throws {
    let folder = try ScratchFolder()
    let path = folder.path("model.gguf")
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      _ = try Self.export("stories", as: .q8_0, to: path)
    }
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(folder.contents.isEmpty)
  }
}
