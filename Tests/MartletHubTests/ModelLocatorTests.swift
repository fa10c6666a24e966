import Foundation
import MartletHub
import Testing

@Suite("A model's name to its files")
struct ModelLocatorTests {
  private let folder: TemporaryFolder
  private let locator: ModelLocator
  private let commit = "0123456789abcdef0123456789abcdef01234567"

  init() throws {
    let folder = try TemporaryFolder()
    self.folder = folder
    locator = ModelLocator(
      environment: HubEnvironment { ["MARTLET_CACHE": folder.path + "/m", "HF_HUB_CACHE": folder.path + "/hf"][$0] })
  }

  private func error(_ name: String) -> HubError? {
    #expect(throws: HubError.self) { try locator.locate(name) }
  }

  /// Writes a file of a repository's snapshot as the hub's client does: a blob, and a link to it.
  private func write(_ repository: String, _ name: String, _ text: String = "x") throws {
    try folder.write("hf/\(repository)/blobs/\(name).blob", text)
    let link = "\(folder.path)/hf/\(repository)/snapshots/\(commit)/\(name)"
    try FileManager.default.createDirectory(
      atPath: (link as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "../../blobs/\(name).blob")
  }

  private func snapshot(_ repository: String) -> String { "\(folder.path)/hf/\(repository)/snapshots/\(commit)" }

  @Test("a GGUF file is itself, by its name or by its first bytes")
  func ggufFile() throws {
    for path in [try folder.write("a.gguf", "x"), try folder.write("B.GGUF", "x"), try folder.write("blob", "GGUF…")] {
      #expect(try locator.locate(path) == .gguf(path: path))
      #expect(try ModelLocator.locate(path) == .gguf(path: path))
    }
  }

  @Test("a folder with config.json is a model; one with a single GGUF file is that file")
  func localFolders() throws {
    try folder.write("llama/config.json", "{}")
    try folder.write("llama/model.safetensors")
    #expect(try locator.locate(folder.path + "/llama") == .folder(path: folder.path + "/llama"))
    try folder.write("vocabulary/config.json", "{}")
    #expect(try locator.locate(folder.path + "/vocabulary") == .folder(path: folder.path + "/vocabulary"))
    try folder.write("both/config.json", "{}")
    let file = try folder.write("both/model.gguf")
    #expect(try locator.locate(folder.path + "/both") == .gguf(path: file))
    try folder.write("both/model.safetensors")
    #expect(try locator.locate(folder.path + "/both") == .folder(path: folder.path + "/both"))
  }

  @Test("files and folders that are no models are refused with the reason")
  func unusable() throws {
    let safetensors = try folder.write("m/model.safetensors")
    let text = try folder.write("notes.txt", "GGU")
    let pickle = try folder.write("model.bin", "x")
    try folder.write("pickled/config.json", "{}")
    try folder.write("pickled/pytorch_model.bin")
    let expected = [
      (safetensors, "folder that holds it"), (text, "not a GGUF file"), (pickle, "pickled"),
      (folder.path + "/pickled", "convert them to safetensors"), (folder.path + "/m", "neither config.json nor"),
      ("/dev/null", "neither a file nor a folder"),
    ]
    for (path, fragment) in expected {
      let error = error(path)
      #expect(error?.exitStatus == 65)
      #expect(error?.message.contains(path) == true)
      #expect(error?.message.contains(fragment) == true, "\(error?.message ?? "")")
    }
  }

  @Test("several GGUF files in one folder are listed")
  func several() throws {
    let files = try ["q4.gguf", "q8.gguf"].map { try folder.write("many/" + $0) }
    let error = error(folder.path + "/many")
    #expect(error?.exitStatus == 64)
    for file in files { #expect(error?.message.contains(file) == true) }
  }

  @Test("the default model is found in the cache, by name, when its size is right")
  func builtIn() throws {
    let missing = error("smollm2")
    #expect(missing?.exitStatus == 66)
    #expect(missing?.message.contains("make model") == true)
    #expect(missing?.message.contains(folder.path + "/m/models/SmolLM2-135M-Instruct.Q4_1.gguf") == true)

    let path = try folder.write("m/models/SmolLM2-135M-Instruct.Q4_1.gguf", size: 1000)
    let short = error("smollm2")
    #expect(short?.exitStatus == 65)
    #expect(short?.message.contains("1000 bytes") == true)
    #expect(short?.message.contains("98362432") == true)

    try folder.write("m/models/SmolLM2-135M-Instruct.Q4_1.gguf", size: 98_362_432)
    #expect(try locator.locate("smollm2") == .gguf(path: path))
  }

  @Test("owner/name is the snapshot of main")
  func repository() throws {
    try write("models--Qwen--Qwen3-0.6B", "config.json")
    try write("models--Qwen--Qwen3-0.6B", "model.safetensors")
    try folder.write("hf/models--Qwen--Qwen3-0.6B/refs/main", commit + "\n")
    try folder.write("hf/models--Qwen--Qwen3-0.6B/snapshots/ffffffff/config.json")
    #expect(try locator.locate("Qwen/Qwen3-0.6B") == .folder(path: snapshot("models--Qwen--Qwen3-0.6B")))
  }

  @Test("a repository with one GGUF file is that file; with several, all are named")
  func ggufRepository() throws {
    try write("models--a--b-GGUF", "b.Q4_0.gguf")
    try folder.write("hf/models--a--b-GGUF/refs/main", commit)
    let path = snapshot("models--a--b-GGUF")
    #expect(try locator.locate("a/b-GGUF") == .gguf(path: path + "/b.Q4_0.gguf"))
    try write("models--a--b-GGUF", "b.Q8_0.gguf")
    let error = error("a/b-GGUF")
    #expect(error?.exitStatus == 64)
    #expect(error?.message.contains("\n  a/b-GGUF/b.Q8_0.gguf") == true)
  }

  @Test("a GGUF file in a folder of a repository is found, and each of several by its path there")
  func ggufInFolder() throws {
    try folder.write("hf/models--a--b-GGUF/refs/main", commit)
    let path = snapshot("models--a--b-GGUF")
    try folder.write("hf/models--a--b-GGUF/snapshots/\(commit)/BF16/b.BF16.gguf", "GGUF")
    #expect(try locator.locate("a/b-GGUF") == .gguf(path: path + "/BF16/b.BF16.gguf"))
    #expect(locator.installedModels().map(\.name) == ["a/b-GGUF"])
    try folder.write("hf/models--a--b-GGUF/snapshots/\(commit)/b.Q8_0.gguf", "GGUF!")
    #expect(error("a/b-GGUF")?.message.contains("\n  a/b-GGUF/BF16/b.BF16.gguf\n  a/b-GGUF/b.Q8_0.gguf") == true)
    let models = locator.installedModels()
    #expect(models.map(\.name) == ["a/b-GGUF/BF16/b.BF16.gguf", "a/b-GGUF/b.Q8_0.gguf"])
    #expect(models.map(\.size) == [4, 5])
    for model in models { #expect(try locator.locate(model.name) == .gguf(path: model.path)) }
    let missing = error("a/b-GGUF/b.Q2.gguf")
    #expect(missing?.exitStatus == 66 && missing?.message.contains("martlet pull a/b-GGUF --file 'b.Q2.gguf'") == true)
    #expect(missing?.message.contains("a/b-GGUF/b.Q8_0.gguf") == true)
    // In a folder that is no repository's nobody asked for a search.
    #expect(error(folder.path + "/hf")?.exitStatus == 65)
  }

  @Test("parts of a split GGUF file are no model")
  func split() throws {
    for part in 1...2 { try write("models--a--b", "m-0000\(part)-of-00002.gguf") }
    #expect(error("a/b")?.message.contains("merge") == true)
    #expect(locator.installedModels().isEmpty)
  }

  @Test("revisions by branch, tag and commit, and which there are when none is meant")
  func revisions() throws {
    let other = String(repeating: "f", count: 40)
    for commit in [commit, other] {
      try folder.write("hf/models--a--b/snapshots/\(commit)/config.json", "{}")
      try folder.write("hf/models--a--b/snapshots/\(commit)/model.safetensors", "x")
    }
    try folder.write("hf/models--a--b/refs/v1", other)
    let unnamed = error("a/b")
    #expect(unnamed?.exitStatus == 64)
    #expect(unnamed?.message.contains("\n  a/b@\(commit)\n  a/b@v1") == true, "\(unnamed?.message ?? "")")
    #expect(locator.installedModels().map(\.name) == ["a/b@\(commit)", "a/b@v1"])

    try folder.write("hf/models--a--b/refs/main", commit)
    try folder.write("hf/models--a--b/refs/refs/pr/1", other)
    #expect(locator.installedModels().map(\.name) == ["a/b", "a/b@v1"])
    let path = folder.path + "/hf/models--a--b/snapshots/"
    for name in ["a/b", "a/b@main", "a/b@\(commit)", "a/b@0123456"] {
      #expect(try locator.locate(name) == .folder(path: path + commit), "\(name)")
    }
    for name in ["a/b@v1", "a/b@fffffff", "a/b@refs/pr/1"] {
      #expect(try locator.locate(name) == .folder(path: path + other), "\(name)")
    }
    for name in ["a/b@v2", "a/b@ffffff", "a/b@ffffffff0"] {
      let error = error(name)
      #expect(error?.exitStatus == 66 && error?.message.contains("a/b@v1") == true, "\(name)")
      #expect(error?.message.contains("--revision \(name.dropFirst(4))") == true)
    }
    for name in ["a/b@", "a/b@../x", "a/b@-x", "a/b/../x.gguf", "a/b@v1/../x.gguf", "a/b//x.gguf", "a/b/.gguf/"] {
      #expect(error(name)?.exitStatus == 66, "\(name)")
    }
  }

  @Test("weights that another program did not bring are missed where they are needed")
  func notWhole() throws {
    let index = #"{"weight_map":{"x":"m-1.safetensors","y":"m-2.safetensors","z":"m-3.safetensors"}}"#
    try write("models--a--b", "config.json")
    for needsWeights in [false, true] {
      let result = Result { try locator.locate("a/b", needsWeights: needsWeights) }
      #expect((try? result.get() == .folder(path: snapshot("models--a--b"))) == (needsWeights ? nil : true))
    }
    #expect(locator.installedModels().isEmpty)
    try write("models--a--b", "model.safetensors.index.json", index)
    try write("models--a--b", "m-1.safetensors")
    let error = #expect(throws: HubError.self) { try locator.locate("a/b", needsWeights: true) }
    #expect(error?.exitStatus == 66 && error?.message.contains("2 files such as m-2.safetensors are missing") == true)
    #expect(error?.message.contains("'martlet pull a/b'") == true)
    #expect(locator.installedModels().map(\.isWhole) == [false])
    for name in ["m-2.safetensors", "m-3.safetensors"] { try write("models--a--b", name) }
    #expect(try locator.locate("a/b", needsWeights: true) == .folder(path: snapshot("models--a--b")))
    #expect(locator.installedModels().map(\.isWhole) == [true])
  }

  @Test("without a branch the only snapshot counts; none, or none that main names, are unfinished downloads")
  func noBranch() throws {
    try write("models--a--b", "config.json")
    #expect(try locator.locate("a/b") == .folder(path: snapshot("models--a--b")))
    try folder.write("hf/models--a--b/snapshots/ffffffff/config.json")
    #expect(error("a/b")?.exitStatus == 64)
    try folder.write("hf/models--a--b/refs/main", "eeeeeeee")
    #expect(error("a/b")?.message.contains("not finished") == true)
  }

  @Test(
    "a branch file cannot lead out of the cache", arguments: ["../../../../secret", "/etc", "..", "", "0123456789g"])
  func hostileBranch(content: String) throws {
    try folder.write("secret/config.json", "{}")
    try folder.write("hf/models--a--b/refs/main", content)
    #expect(error("a/b")?.exitStatus == 65)
  }

  @Test(
    "names that are none never become a path in the cache",
    arguments: [
      "a/..", "../b", "a/../../b", "..", "a/b/c", "a/", "/b", "a--b/c", "a/b--c", "a/.b", "a/b.", "-a/b", "a b/c",
      "é/b",
      "a/\u{2026}", "x/" + String(repeating: "y", count: 100),
    ])
  func traversal(name: String) {
    #expect(RepositoryName(name) == nil)
  }

  @Test("names with control characters, and none at all, are wrong usage", arguments: ["", "a\u{0}b", "a\nb"])
  func wrongUsage(name: String) {
    #expect(error(name)?.exitStatus == 64)
  }

  @Test(
    "a path that does not exist is not found, in one line", arguments: ["./a/b", "/no/such/x", "m/x.gguf", "a/b/c"])
  func missingPath(name: String) {
    #expect(error(name) == HubError(code: .notFound, message: "there is no file or folder \(name)"))
  }

  @Test("what is not found says where was looked and what to do")
  func notFound() throws {
    let repository = error("Qwen/Qwen3-0.6B")
    #expect(repository?.exitStatus == 66)
    #expect(repository?.message.contains(folder.path + "/hf/models--Qwen--Qwen3-0.6B") == true)
    #expect(repository?.message.contains("martlet pull Qwen/Qwen3-0.6B") == true)
    #expect(error("llama")?.message.contains("a short name: smollm2") == true)
    let nowhere = ModelLocator(environment: HubEnvironment { _ in nil })
    #expect(#expect(throws: HubError.self) { try nowhere.locate("smollm2") }?.message.contains("HOME") == true)
    #expect(#expect(throws: HubError.self) { try nowhere.locate("a/b") }?.message.contains("HF_HOME") == true)
  }

  @Test(
    "a misspelt name is answered with the right one",
    arguments: [("SmolLM2", "smollm2"), ("smolm2", "smollm2"), ("Qwen/Qwen3-0.6b", "Qwen/Qwen3-0.6B")])
  func suggestions(name: String, suggestion: String) throws {
    try write("models--Qwen--Qwen3-0.6B", "config.json")
    let error = error(name)
    #expect(error?.message.contains("Did you mean '\(suggestion)'?") == true, "\(error?.message ?? "")")
  }

  @Test("installed models are listed with their sizes")
  func installed() throws {
    #expect(locator.installedModels() == [])
    let known = try folder.write("m/models/SmolLM2-135M-Instruct.Q4_1.gguf", size: 98_362_432)
    let other = try folder.write("m/models/other.gguf", "12345")
    try folder.write("m/models/other.gguf.sha256", "…")
    try folder.write("m/models/.partial.gguf", "…")
    try write("models--a--b", "config.json", "{}")
    try write("models--a--b", "model.safetensors", "1234567")
    try write("models--a--tokenizer", "config.json", "{}")
    try write("models--a--pickled", "pytorch_model.bin")
    try write("models--c--d", "one.gguf", "123")
    try folder.write("hf/datasets--a--b/refs/main", commit)
    let models = locator.installedModels()
    #expect(models.map(\.name) == ["smollm2", other, "a/b", "c/d"])
    #expect(
      models.map(\.path) == [
        known, other, snapshot("models--a--b"), snapshot("models--c--d") + "/one.gguf",
      ])
    #expect(models.map(\.size) == [98_362_432, 5, 9, 3])
    #expect(models.map(\.place) == [.martletCache, .martletCache, .huggingFaceCache, .huggingFaceCache])
  }
}

@Suite("Edit distance")
struct SuggestionsTests {
  @Test(
    arguments: [
      ("", "", 0), ("a", "", 1), ("", "abc", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("same", "same", 0),
    ])
  func distance(a: String, b: String, expected: Int) {
    #expect(Suggestions.editDistance(Array(a.utf8), Array(b.utf8)) == expected)
  }
}
