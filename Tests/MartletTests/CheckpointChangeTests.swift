import Foundation
import Martlet
import MartletEngine
import MartletModels
import Testing

/// The random checkpoints with a thing changed that transformers reads in its own way; made by
/// `scripts/goldens/checkpoint_changes.py`, which explains the fields.
@Suite(.serialized) struct CheckpointChangeTests {
  struct Change: Decodable, CustomTestStringConvertible {
    struct Prompt: Decodable {
      let prompt: Int
      let generated: [Int32]
    }

    let name: String
    let base: String
    let config: String
    let files: [String: String]
    let renames: [String: String]
    let prompts: [Prompt]
    var testDescription: String { name }

    /// The folder that the golden was made from.
    func folder() throws -> ScratchFolder {
      let folder = try ScratchFolder()
      try StoredWeights(checkpoint: base).renaming(renames).write(to: folder.path("model.safetensors"))
      for (name, text) in files.merging(["config.json": config], uniquingKeysWith: { $1 }) {
        try Data(text.utf8).write(to: folder.url.appendingPathComponent(name))
      }
      return folder
    }
  }

  static let table: [Change] = {
    let url = CheckpointGolden.folder.deletingLastPathComponent().appendingPathComponent("checkpoint-changes.json")
    return (try? JSONDecoder().decode([Change].self, from: Data(contentsOf: url))) ?? []
  }()

  private static func loaded(_ path: String) throws -> LoadedModel {
    var options = ModelOptions()
    options.compute = .f32
    return try LoadedModel(path: path, options: options)
  }

  @Test func thereAreChanges() { #expect(Self.table.count >= 15) }

  @Test(arguments: table)
  func tokensEqualTransformers(_ change: Change) async throws {
    let folder = try change.folder()
    let model = try Self.loaded(folder.url.path)
    let prompts = try CheckpointGolden.load(change.base).prompts
    for expected in change.prompts {
      let request = Request(prompt: prompts[expected.prompt].promptIds, maxTokens: expected.generated.count)
      var tokens: [Int32] = []
      for try await event in try model.makeEngine().submit(request) {
        if case .token(let token) = event { tokens.append(token.token) }
      }
      #expect(tokens == expected.generated, "prompt \(expected.prompt)")
    }
  }

  /// A tied head goes into a GGUF file only where it is another matrix than the embedding.
  @Test func tiedHeadsAreExported() throws {
    let names = ["tied-other-head": true, "tied-head-alone": false]
    for change in Self.table {
      guard let hasHead = names[change.name] else { continue }
      let folder = try change.folder()
      let file = try Self.export(folder)
      #expect((file.tensor(named: "output.weight") != nil) == hasHead, "\(change.name)")
      let (ours, theirs) = (try Self.loaded(folder.path("out.gguf")), try Self.loaded(folder.url.path))
      #expect(ours.decoder.weightBytes == theirs.decoder.weightBytes, "\(change.name)")
    }
    let folder = try ScratchFolder()
    var weights = try StoredWeights(checkpoint: "llama-tied")
    try weights.copy("model.embed_tokens.weight", to: "lm_head.weight")
    try weights.write(to: folder.path("model.safetensors"))
    try FileManager.default.copyItem(
      atPath: CheckpointGolden.path("llama-tied") + "/config.json", toPath: folder.path("config.json"))
    #expect(try Self.export(folder).tensor(named: "output.weight") == nil)
  }

  private static func export(_ folder: ScratchFolder) throws -> GGUFFile {
    _ = try ModelQuantizer(model: folder.url.path, type: .f16).write(to: folder.path("out.gguf"))
    return try GGUFFile(path: folder.path("out.gguf"))
  }

  @Test func bytesBehindTheTensorsAreRefused() throws {
    let folder = try ScratchFolder()
    var weights = try StoredWeights(checkpoint: "llama-tied")
    weights.data += [0, 0, 0]
    try weights.write(to: folder.path("model.safetensors"))
    try Data("{}".utf8).write(to: folder.url.appendingPathComponent("config.json"))
    let error = #expect(throws: SafetensorsError.self) { try CheckpointFolder(path: folder.url.path) }
    #expect(error?.message.contains("3 bytes after its last tensor") == true, "\(error?.message ?? "")")
  }

  private static let generation: [(text: String, fields: [String], ends: [Int32])] = [
    (#"{"do_sample": true, "temperature": 0.6, "max_new_tokens": 9, "pad_token_id": 0}"#, [], [2]),
    (
      #"{"eos_token_id": [5, 6], "repetition_penalty": 1.1, "num_beams": 4}"#, ["repetition_penalty", "num_beams"],
      [5, 6]
    ),
    (
      #"{"eos_token_id": null, "repetition_penalty": 1.0, "num_beams": 1, "no_repeat_ngram_size": 0, "min_length": 0, "#
        + #""suppress_tokens": [], "sequence_bias": {}, "bad_words_ids": null, "forced_eos_token_id": null}"#, [], [2]
    ),
    (
      #"{"suppress_tokens": [0], "begin_suppress_tokens": [1], "bad_words_ids": [[2]], "no_repeat_ngram_size": 2, "#
        + #""sequence_bias": [[[3], 1.0]], "forced_eos_token_id": 0, "guidance_scale": 1.5}"#,
      [
        "suppress_tokens", "begin_suppress_tokens", "bad_words_ids", "no_repeat_ngram_size", "sequence_bias",
        "forced_eos_token_id", "guidance_scale",
      ], [2]
    ),
    ("[]", [], [2]),
  ]

  /// Which fields of a `generation_config.json` change transformers' tokens, and where the tokens that end a text come from.
  @Test(arguments: generation)
  func generationConfiguration(_ text: String, _ fields: [String], _ ends: [Int32]) async throws {
    let folder = try ScratchFolder()
    for file in ["config.json", "model.safetensors"] {
      try FileManager.default.copyItem(
        atPath: CheckpointGolden.path("llama-tied") + "/" + file, toPath: folder.path(file))
    }
    try Data(text.utf8).write(to: folder.url.appendingPathComponent("generation_config.json"))
    let model = try await Model.load(folder.url.path)
    #expect(model.unappliedGenerationFields == fields)
    #expect(model.internals.endTokens == ends)
  }
}

/// The weights of a checkpoint, to be changed and written again.
struct StoredWeights {
  private var header: [String: Any]
  var data: Data

  init(checkpoint name: String) throws {
    let file = try Data(contentsOf: URL(filePath: CheckpointGolden.path(name) + "/model.safetensors"))
    let length = file.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    header = try #require(try JSONSerialization.jsonObject(with: file[8..<8 + length]) as? [String: Any])
    data = Data(file[(8 + length)...])
  }

  func renaming(_ names: [String: String]) -> StoredWeights {
    var weights = self
    weights.header = Dictionary(uniqueKeysWithValues: header.map { (names[$0.key] ?? $0.key, $0.value) })
    return weights
  }

  /// Adds a tensor with the bytes of another.
  mutating func copy(_ name: String, to other: String) throws {
    var entry = try #require(header[name] as? [String: Any])
    let offsets = try #require(entry["data_offsets"] as? [Int])
    entry["data_offsets"] = [data.count, data.count + offsets[1] - offsets[0]]
    data += Data(data[offsets[0]..<offsets[1]])
    header[other] = entry
  }

  func write(to path: String) throws {
    let text = try JSONSerialization.data(withJSONObject: header)
    let length = withUnsafeBytes(of: UInt64(text.count).littleEndian) { Data($0) }
    try (length + text + data).write(to: URL(filePath: path))
  }
}
