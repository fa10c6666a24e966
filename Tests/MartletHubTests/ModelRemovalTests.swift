import Foundation
import Glibc
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

  /// A repository of two revisions that share a file, as a download leaves it.
  private func revisions() throws -> String {
    let root = folder.path + "/hf/models--a--b"
    for (blob, text) in [("shared", "12345"), ("old", "123"), ("new", "1234")] {
      try folder.write("hf/models--a--b/blobs/" + blob, text)
    }
    for (commit, blob) in [("1111111", "old"), ("2222222", "new")] {
      for (name, blob, way) in [("s.gguf", "shared", "../../"), ("Q8/m.gguf", blob, "../../../")] {
        let path = "\(root)/snapshots/\(commit)/\(name)"
        try FileManager.default.createDirectory(
          atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: "\(way)blobs/\(blob)")
      }
    }
    try folder.write("hf/models--a--b/refs/main", "2222222")
    try folder.write("hf/models--a--b/refs/v1", "1111111")
    try folder.write("hf/.locks/models--a--b/shared.lock")
    return root
  }

  @Test("one file or one revision goes, with what no other has")
  func parts() throws {
    let root = try revisions()
    let removed = try removal.remove("a/b/Q8/m.gguf")
    #expect(removed == .init(name: "a/b/Q8/m.gguf", path: root + "/snapshots/2222222/Q8/m.gguf", bytes: 4))
    #expect(!exists(removed.path) && !exists(root + "/blobs/new") && exists(root + "/blobs/old"))
    fail("a/b/Q8/m.gguf", 66, "a/b/Q8/m.gguf")
    // Its content is another file's too.
    #expect(try removal.remove("a/b@v1/s.gguf").bytes == 0)
    #expect(exists(root + "/blobs/shared") && exists(root + "/snapshots/2222222/s.gguf"))
    // The content, and the commit that the tag names.
    #expect(try removal.remove("a/b@v1").bytes == 3 + 7)
    #expect(!exists(root + "/snapshots/1111111") && !exists(root + "/refs/v1") && exists(root + "/refs/main"))
    #expect(try removal.remove("a/b/s.gguf").bytes == 5 + 7)
    #expect(!exists(root) && !exists(folder.path + "/hf/.locks/models--a--b"))
  }

  @Test("one file or one revision of what links lead to elsewhere stays")
  func linkedParts() throws {
    let root = try revisions()
    let outside = try folder.write("elsewhere/o.gguf", "x")
    let manager = FileManager.default
    try manager.createSymbolicLink(
      atPath: root + "/snapshots/2222222/link", withDestinationPath: folder.path + "/elsewhere")
    fail("a/b/link/o.gguf", 66, "a/b/link/o.gguf")
    try manager.createSymbolicLink(
      atPath: root + "/snapshots/3333333", withDestinationPath: folder.path + "/elsewhere")
    fail("a/b@3333333", 64, "link")
    fail("a/b@3333333/o.gguf", 64, "link")
    try manager.moveItem(atPath: root + "/blobs", toPath: folder.path + "/blobs")
    try manager.createSymbolicLink(atPath: root + "/blobs", withDestinationPath: folder.path + "/blobs")
    fail("a/b@v1", 64, "link")
    for path in [outside, folder.path + "/blobs/old"] { #expect(exists(path)) }
  }

  @Test("what is being downloaded stays")
  func locked() throws {
    let root = try revisions()
    let lock = open(folder.path + "/hf/.locks/models--a--b/shared.lock", O_RDWR)
    #expect(flock(lock, LOCK_EX) == 0)
    for name in ["a/b", "a/b@v1", "a/b/s.gguf"] { fail(name, 69, "being downloaded") }
    #expect(exists(root + "/blobs/shared") && exists(root + "/snapshots/1111111/s.gguf"))
    close(lock)
    #expect(try removal.remove("a/b").path == root)
    #expect(!exists(root) && !exists(folder.path + "/hf/.locks/models--a--b"))
  }

  @Test("file names that are not UTF-8")
  func bytes() throws {
    try folder.write("hf/models--a--b/blobs/x", "12")
    let name =
      Array((folder.path + "/hf/models--a--b/blobs/").utf8CString.dropLast()) + [CChar(truncatingIfNeeded: 0xFF), 0]
    close(open(name, O_WRONLY | O_CREAT, 0o600))
    #expect(try removal.remove("a/b").bytes == 2)
    #expect(!exists(folder.path + "/hf/models--a--b"))
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
