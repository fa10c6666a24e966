import Foundation
import MartletHub
import MartletHubTestSupport
import Synchronization
import Testing

/// A server, an empty cache, and what happened in a download from the one into the other.
final class PullBench: Sendable {
  let server: HubImitation
  let folder: TemporaryFolder
  let environment: HubEnvironment
  private let events = Mutex<[PullEvent]>([])
  private let waits = Mutex<[Duration]>([])

  static let weights: [UInt8] = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }

  /// A repository of one large file, with what usually lies around it.
  static let model: [HubImitation.File] = [
    .init(".gitattributes", "*.safetensors filter=lfs\n"), .init("README.md", "# A model\n"),
    .init("config.json", #"{"model_type":"llama"}"#), .init("generation_config.json", "{}\n"),
    .init("tokenizer.json", #"{"version":"1.0"}"#), .init("tokenizer_config.json", "{}"),
    .init("model.safetensors", weights, isLarge: true), .init("pytorch_model.bin", weights.reversed(), isLarge: true),
    .init("original/consolidated.00.pth", weights.reversed(), isLarge: true),
    .init("onnx/model.onnx", weights.reversed(), isLarge: true),
  ]
  static let needed = [
    "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
  ]

  init(_ files: [HubImitation.File] = PullBench.model) async throws {
    server = try await HubImitation.start("owner/name", files)
    let folder = try TemporaryFolder()
    self.folder = folder
    environment = HubEnvironment { name in
      ["HF_HUB_CACHE": folder.path + "/hub", "HF_HOME": folder.path][name]
    }
  }

  var root: String { folder.path + "/hub/models--owner--name" }
  var snapshot: String { root + "/snapshots/" + HubImitation.commit }

  /// Pauses are not waited for, but noted.
  func pull(
    _ name: String? = nil, revision: String? = nil, files: [String] = [], variables: [String: String] = [:],
    disk: Disk = Disk(),
    attempts: Int = 5
  ) async throws -> PulledModel {
    let variables = ["HF_ENDPOINT": server.address].merging(variables) { $1 }
    let policy = RetryPolicy(attempts: attempts) { [self] pause in waits.withLock { $0.append(pause) } }
    let pull = ModelPull(
      environment: environment, access: try HubAccess({ variables[$0] }, environment: environment), policy: policy,
      disk: disk, report: { [self] event in events.withLock { $0.append(event) } })
    return try await pull.pull(name ?? server.repository, revision: revision, files: files)
  }

  /// A download that must fail, with this status and all of these words in the message.
  @discardableResult
  func fail(
    _ status: Int32, _ words: [String], name: String? = nil, revision: String? = nil, files: [String] = [],
    variables: [String: String] = [:], disk: Disk = Disk(), sourceLocation: SourceLocation = #_sourceLocation
  ) async -> HubError? {
    let error = await #expect(throws: HubError.self, sourceLocation: sourceLocation) {
      try await self.pull(name, revision: revision, files: files, variables: variables, disk: disk)
    }
    #expect(error?.exitStatus == status, "\(error?.message ?? "")", sourceLocation: sourceLocation)
    for word in words {
      #expect(error?.message.contains(word) == true, "\(error?.message ?? "")", sourceLocation: sourceLocation)
    }
    return error
  }

  var pauses: [Duration] { waits.withLock(\.self) }
  var reported: [PullEvent] { events.withLock(\.self) }

  var warnings: [String] { reported.compactMap { if case .warning(let text) = $0 { text } else { nil } } }

  func content(_ path: String) -> [UInt8]? { FileManager.default.contents(atPath: path).map { Array($0) } }

  func names(_ folder: String) -> [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).sorted()
  }

  func file(_ path: String) throws -> HubImitation.File {
    try #require(Self.model.first { $0.path == path })
  }

  /// Leaves the first bytes of a file as an interrupted download does.
  func leave(_ bytes: some Sequence<UInt8>, of file: HubImitation.File) throws {
    let path = try folder.write("hub/models--owner--name/blobs/\(file.blob).incomplete")
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }
}
