import Foundation
import MartletHub
import MartletHubTestSupport
import Testing

@Suite("Pull: what comes, and where it lies")
struct PullTests {
  @Test("the files that a model needs, in the layout of the Hugging Face cache")
  func layout() async throws {
    let bench = try await PullBench()
    let pulled = try await bench.pull()
    #expect(pulled.path == bench.snapshot && pulled.commit == HubImitation.commit && pulled.name == "owner/name")
    #expect(pulled.files.map(\.path).sorted() == PullBench.needed)
    let sizes = try PullBench.needed.reduce(0) { $0 + (try bench.file($1).content.count) }
    #expect(pulled.size == sizes && pulled.fetchedBytes == sizes)

    #expect(bench.names(bench.snapshot) == PullBench.needed)
    for name in PullBench.needed {
      let file = try bench.file(name)
      let target = try FileManager.default.destinationOfSymbolicLink(atPath: bench.snapshot + "/" + name)
      #expect(target == "../../blobs/" + file.blob)
      #expect(bench.content(bench.snapshot + "/" + name) == file.content)
    }
    #expect(bench.names(bench.root + "/blobs") == (try PullBench.needed.map { try bench.file($0).blob }).sorted())
    #expect(bench.content(bench.root + "/refs/main") == Array(HubImitation.commit.utf8))
    #expect(bench.names(bench.root) == [".no_exist", "blobs", "refs", "snapshots"])
    let absent = ["chat_template.jinja", "chat_template.json", "special_tokens_map.json"]
    #expect(bench.names(bench.root + "/.no_exist/" + HubImitation.commit) == absent)
    #expect(bench.content(bench.folder.path + "/hub/CACHEDIR.TAG")?.starts(with: "Signature: 8a477f".utf8) == true)

    let locator = ModelLocator(environment: bench.environment)
    #expect(try locator.locate("owner/name") == .folder(path: bench.snapshot))
    #expect(locator.installedModels().map(\.name) == ["owner/name"])
    #expect(bench.reported.last == .progress(done: sizes, total: sizes, fetched: sizes))
    #expect(bench.warnings.isEmpty)
  }

  @Test("what is here is not fetched again")
  func again() async throws {
    let bench = try await PullBench()
    _ = try await bench.pull()
    bench.server.forgetRequests()
    let pulled = try await bench.pull()
    #expect(pulled.fetchedBytes == 0 && pulled.files.count == PullBench.needed.count)
    #expect(bench.server.requests.map(\.place) == [.listing])
  }

  @Test("the shards that the index names, and no others")
  func shards() async throws {
    let index = #"{"metadata":{},"weight_map":{"a":"model-2.safetensors","b":"model-1.safetensors"}}"#
    let bench = try await PullBench([
      .init("config.json", "{}"), .init("model.safetensors.index.json", index),
      .init("model-1.safetensors", [1], isLarge: true), .init("model-2.safetensors", [2], isLarge: true),
      .init("model-3.safetensors", [3], isLarge: true), .init("consolidated.safetensors", [4], isLarge: true),
    ])
    _ = try await bench.pull()
    #expect(
      bench.names(bench.snapshot) == [
        "config.json", "model-1.safetensors", "model-2.safetensors", "model.safetensors.index.json",
      ])
  }

  @Test(
    "an index that is none, or names what is not there, is refused",
    arguments: [
      ("{}", "weight_map"), ("[", "JSON"), (#"{"weight_map":{"a":"model-9.safetensors"}}"#, "model-9.safetensors"),
      (#"{"weight_map":{"a":"../../../x.safetensors"}}"#, "../../../x"), (#"{"weight_map":{"a":1}}"#, "'1'"),
      (#"{"weight_map":{"a":"pytorch_model.bin"}}"#, "pytorch_model.bin"),
    ])
  func badIndex(text: String, word: String) async throws {
    let bench = try await PullBench([
      .init("config.json", "{}"), .init("model.safetensors.index.json", text), .init("a.safetensors", "x"),
      .init("pytorch_model.bin", "x"),
    ])
    await bench.fail(65, ["index.json", word])
    #expect(bench.names(bench.snapshot).isEmpty)
  }

  @Test("one of several GGUF files, by its name, as a file that can be run")
  func gguf() async throws {
    let files = ["m.Q4_0.gguf", "m.Q8_0.gguf", "big/m.F16.gguf"].map { name in
      HubImitation.File(name, "GGUF" + name)
    }
    let bench = try await PullBench([.init("config.json", "{}")] + files)
    await bench.fail(64, ["--file", "m.Q4_0.gguf (15 bytes)", "m.Q8_0.gguf", "big/m.F16.gguf (18 bytes)"])
    await bench.fail(66, ["'q4'", "m.Q4_0.gguf"], files: ["q4"])
    await bench.fail(66, ["did you mean '*Q4_0*'?"], files: ["Q4_0"])
    let pulled = try await bench.pull(files: ["*Q4_0*"])
    #expect(pulled.path == bench.snapshot + "/m.Q4_0.gguf" && pulled.files.count == 1)
    #expect(try ModelLocator.locate("owner/name", environment: bench.environment) == .gguf(path: pulled.path))
    // In a folder of the repository the link has one step more to go.
    let nested = try await bench.pull(files: ["m.F16.gguf"])
    #expect(nested.path == bench.snapshot + "/big/m.F16.gguf")
    #expect(bench.content(nested.path) == files[2].content)
    #expect(bench.names(bench.snapshot) == ["big", "m.Q4_0.gguf"])
  }

  @Test("weights that are pickled only are refused before anything is fetched", arguments: [[], ["*.bin"]])
  func pickles(files: [String]) async throws {
    let bench = try await PullBench([.init("config.json", "{}"), .init("pytorch_model.bin", "x")])
    await bench.fail(65, ["owner/name", "pickled", "safetensors"], files: files)
    #expect(bench.server.requests.map(\.place) == [.listing])
    #expect(bench.names(bench.folder.path).isEmpty)
  }

  @Test("a branch with a slash and a commit")
  func revisions() async throws {
    let bench = try await PullBench()
    _ = try await bench.pull(revision: "refs/pr/1")
    #expect(bench.content(bench.root + "/refs/refs/pr/1") == Array(HubImitation.commit.utf8))
    #expect(bench.server.requests[0].uri.contains("/revision/refs%2Fpr%2F1?blobs=true"))
    _ = try await bench.pull(revision: HubImitation.commit)
    #expect(bench.names(bench.root + "/refs") == ["refs"])
    for revision in ["../main", "", "a//b", "/main", "-x", "a\nb", "a/.."] {
      await bench.fail(64, ["revision"], revision: revision)
    }
  }

  @Test("file names with spaces and letters of all kinds")
  func names() async throws {
    let name = "a model é%+?.gguf"
    let bench = try await PullBench([.init(name, "GGUF")])
    let pulled = try await bench.pull()
    #expect(pulled.path == bench.snapshot + "/" + name)
    #expect(bench.content(pulled.path) == Array("GGUF".utf8))
  }

  @Test("sizes and hashes that the listing leaves out are asked for one by one")
  func namesOnly() async throws {
    let bench = try await PullBench()
    bench.server.listNamesOnly()
    _ = try await bench.pull()
    #expect(bench.names(bench.snapshot) == PullBench.needed)
    let heads = bench.server.requests.filter { $0.method == "HEAD" }
    #expect(heads.map(\.place).count == PullBench.needed.count)
    #expect(bench.server.requests(.store("model.safetensors")).map(\.method) == ["GET"])
  }

  @Test("two downloads of one model at the same time bring it once")
  func together() async throws {
    let bench = try await PullBench()
    async let first = bench.pull()
    async let second = bench.pull()
    let fetched = try await first.fetchedBytes + second.fetchedBytes
    #expect(fetched == (try PullBench.needed.reduce(0) { $0 + (try bench.file($1).content.count) }))
    #expect(bench.server.requests(.store("model.safetensors")).count == 1)
    #expect(bench.content(bench.snapshot + "/model.safetensors") == PullBench.weights)
  }

  @Test("a new commit replaces the branch, and shares what did not change")
  func update() async throws {
    let bench = try await PullBench()
    let old = String(repeating: "e", count: 40)
    try bench.folder.write("hub/models--owner--name/refs/main", old)
    try bench.folder.write("hub/models--owner--name/snapshots/\(old)/config.json", "{}")
    let file = try bench.file("model.safetensors")
    try bench.leave(file.content, of: file)
    try FileManager.default.moveItem(
      atPath: "\(bench.root)/blobs/\(file.blob).incomplete", toPath: "\(bench.root)/blobs/\(file.blob)")
    _ = try await bench.pull()
    #expect(bench.server.requests(.store("model.safetensors")).isEmpty)
    #expect(bench.content(bench.root + "/refs/main") == Array(HubImitation.commit.utf8))
    #expect(bench.names(bench.root + "/snapshots").count == 2)
  }

  @Test("a repository without tokenizer.json is told of before its weights come")
  func noTokenizer() async throws {
    let files = PullBench.model.filter { $0.path != "tokenizer.json" }
    let bench = try await PullBench(files + [.init("tokenizer.model", "x")])
    _ = try await bench.pull()
    let warning = try #require(bench.warnings.first)
    #expect(warning.contains("owner/name has no tokenizer.json") && warning.contains("tokenizer.model"))
    #expect(bench.reported.first == .warning(warning) && bench.warnings.count == 1)
  }

  @Test(
    "a cache that Python's huggingface_hub made is used",
    .enabled(if: Python.hasHub, "python3 has no huggingface_hub"))
  func madeByPython() async throws {
    let bench = try await PullBench()
    let download = """
      import sys
      from huggingface_hub import hf_hub_download
      for name in sys.argv[3:]:
        print(hf_hub_download("owner/name", name, cache_dir=sys.argv[1], endpoint=sys.argv[2]))
      """
    let arguments = [bench.folder.path + "/hub", bench.server.address]
    let files = ["config.json", "tokenizer.json", "model.safetensors"]
    let output = try Python.run(download, arguments + files)
    #expect(output == files.map { bench.snapshot + "/" + $0 + "\n" }.joined())
    let locator = ModelLocator(environment: bench.environment)
    #expect(try locator.locate("owner/name", needsWeights: true) == .folder(path: bench.snapshot))
    #expect(locator.installedModels().map(\.name) == ["owner/name"])
    bench.server.forgetRequests()
    let pulled = try await bench.pull()
    #expect(bench.server.requests(.store("model.safetensors")).isEmpty)
    #expect(
      pulled.fetchedBytes
        == (try ["generation_config.json", "tokenizer_config.json"].reduce(0) {
          $0 + (try bench.file($1).content.count)
        }))
    #expect(try ModelRemoval(environment: bench.environment).remove("owner/name").bytes > PullBench.weights.count)
    #expect(bench.names(bench.root).isEmpty)
  }

  @Test("Python's huggingface_hub accepts the cache", .enabled(if: Python.hasHub, "python3 has no huggingface_hub"))
  func python() async throws {
    let bench = try await PullBench()
    _ = try await bench.pull()
    let output = try Python.run(
      """
      import sys, os
      from huggingface_hub import scan_cache_dir, snapshot_download, try_to_load_from_cache, _CACHED_NO_EXIST
      cache = sys.argv[1]
      info = scan_cache_dir(cache)
      assert not info.warnings, info.warnings
      (repo,) = info.repos
      (revision,) = repo.revisions
      print(repo.repo_id, repo.repo_type, repo.nb_files, sorted(revision.refs), revision.commit_hash)
      print(snapshot_download("owner/name", cache_dir=cache, local_files_only=True))
      print(try_to_load_from_cache("owner/name", "chat_template.jinja", cache_dir=cache) is _CACHED_NO_EXIST)
      """, [bench.folder.path + "/hub"])
    let expected = "owner/name model 5 ['main'] \(HubImitation.commit)\n\(bench.snapshot)\nTrue\n"
    #expect(output == expected)
  }
}

/// A Python with the package whose cache this is.
enum Python {
  static let hasHub = (try? run("import huggingface_hub", [])) != nil

  struct Failure: Error {}

  static func run(_ program: String, _ arguments: [String]) throws -> String {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["python3", "-c", program] + arguments
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw Failure() }
    return String(decoding: data, as: UTF8.self)
  }
}
