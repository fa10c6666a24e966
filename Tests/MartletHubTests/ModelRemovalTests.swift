import Foundation
import MartletHub
import Testing

@Suite("Removing models")
struct ModelRemovalTests {
  private let folder: TemporaryFolder
  private let removal: ModelRemoval

  init() throws {
    let folder = try TemporaryFolder()
    self.folder = folder
    removal = ModelRemoval(
      environment: HubEnvironment { ["MARTLET_CACHE": folder.path + "/m", "HF_HUB_CACHE": folder.path + "/hf"][$0] })
  }

  private func exists(_ path: String) -> Bool { (try? FileManager.default.attributesOfItem(atPath: path)) != nil }

  private func fail(_ name: String, _ status: Int32, _ word: String, sourceLocation: SourceLocation = #_sourceLocation)
  {
    let error = #expect(throws: HubError.self, sourceLocation: sourceLocation) { try removal.remove(name) }
    #expect(error?.exitStatus == status, "\(error?.message ?? "")", sourceLocation: sourceLocation)
    #expect(
      error?.message.contains(word) == true, "\(error?.message ?? "")", sourceLocation: sourceLocation)
  }

  @Test("a repository goes with all its revisions, and nothing that its links lead to")
  func repository() throws {
    let outside = try folder.write("outside", "not ours")
    let other = try folder.write("hf/models--owner--name2/blobs/x", "x")
    let root = folder.path + "/hf/models--owner--name"
    try folder.write("hf/models--owner--name/blobs/a", "12345")
    try folder.write("hf/models--owner--name/blobs/b.incomplete", "123")
    try folder.write("hf/models--owner--name/refs/main", "0123456789")
    for commit in ["c1", "c2"] {
      let snapshot = root + "/snapshots/" + commit
      try FileManager.default.createDirectory(atPath: snapshot, withIntermediateDirectories: true)
      try FileManager.default.createSymbolicLink(
        atPath: snapshot + "/config.json", withDestinationPath: "../../blobs/a")
      try FileManager.default.createSymbolicLink(atPath: snapshot + "/secret", withDestinationPath: outside)
      try FileManager.default.createSymbolicLink(atPath: snapshot + "/folder", withDestinationPath: folder.path)
    }
    #expect(try removal.remove("owner/name") == .init(name: "owner/name", path: root, bytes: 18))
    #expect(!exists(root) && exists(outside) && exists(other))
    fail("owner/name", 66, "owner/name")
  }

  @Test("a file of the model folder goes by its short name, its own name or its path")
  func files() throws {
    let builtIn = try folder.write("m/models/SmolLM2-135M-Instruct.Q4_1.gguf", "1234")
    let stamp = try folder.write("m/models/SmolLM2-135M-Instruct.Q4_1.gguf.sha256", "…")
    #expect(try removal.remove("smollm2") == .init(name: "smollm2", path: builtIn, bytes: 4))
    #expect(!exists(builtIn) && !exists(stamp))
    let path = try folder.write("m/models/a.gguf", "123")
    #expect(try removal.remove("a.gguf").path == path)
    try folder.write("m/models/a.gguf", "123")
    #expect(try removal.remove(path).bytes == 3)
    #expect(!exists(path))
  }

  @Test("nothing outside the caches is touched")
  func outside() throws {
    let file = try folder.write("elsewhere/m.gguf", "x")
    try folder.write("m/models/a.gguf", "x")
    let inHub = try folder.write("hf/models--a--b/snapshots/c/m.gguf", "x")
    fail(file, 64, "nothing else is removed")
    fail(folder.path + "/m/models/../../elsewhere/m.gguf", 64, "nothing else is removed")
    fail(inHub, 64, "owner/name")
    fail(folder.path + "/m/models", 64, "nothing else is removed")
    fail(folder.path + "/m/models/.", 64, "nothing else is removed")
    fail(folder.path + "/m/models/..", 64, "nothing else is removed")
    for path in [file, inHub, folder.path + "/m/models/a.gguf"] { #expect(exists(path)) }
    // A repository that is a link leads elsewhere.
    try FileManager.default.createSymbolicLink(
      atPath: folder.path + "/hf/models--l--l", withDestinationPath: folder.path + "/elsewhere")
    fail("l/l", 64, "link")
    #expect(exists(file))
  }

  @Test("what is not there", arguments: ["nothing", "owner/nothing", "/no/such/file", "..", ".", "x.gguf"])
  func missing(name: String) {
    fail(name, 66, name)
  }

  @Test("names that are none", arguments: ["", "a\u{0}b", "a\nb"])
  func wrongUsage(name: String) {
    fail(name, 64, "name")
  }

  @Test("a misspelt name is answered with the right one")
  func suggestion() throws {
    try folder.write("hf/models--Qwen--Qwen3-0.6B/snapshots/c/config.json", "{}")
    try folder.write("hf/models--Qwen--Qwen3-0.6B/snapshots/c/model.safetensors", "x")
    fail("Qwen/Qwen3-0.6b", 66, "'Qwen/Qwen3-0.6B'")
  }
}
