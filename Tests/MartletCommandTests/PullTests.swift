import Foundation
import Glibc
import MartletHub
import MartletHubTestSupport
import MartletTestSupport
import Testing

/// An imitated hub with the tiny model, and an empty cache.
private struct PullBench {
  let server: HubImitation
  let folder: URL
  static let file = HubImitation.File("tiny.gguf", TinyModel.builder.bytes, isLarge: true)

  init(_ files: [HubImitation.File] = [.init("README.md", "# Tiny\n"), file]) async throws {
    server = try await HubImitation.start("tests/tiny", files)
    folder = FileManager.default.temporaryDirectory.appending(path: "martlet-pull-\(UUID().uuidString)")
  }

  /// What this machine has set for the hub does not count here.
  var environment: [String: String] {
    let unset = [
      "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_TOKEN_PATH", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE",
      "TRANSFORMERS_OFFLINE",
      "HF_HUB_DOWNLOAD_TIMEOUT", "SSL_CERT_FILE", "http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY",
      "ALL_PROXY",
    ]
    var environment = Dictionary(uniqueKeysWithValues: unset.map { ($0, "") })
    environment["HF_HOME"] = folder.path
    environment["MARTLET_CACHE"] = folder.path + "/martlet"
    environment["HF_ENDPOINT"] = server.address
    return environment
  }

  func remove() { try? FileManager.default.removeItem(at: folder) }

  var root: String { folder.path + "/hub/models--tests--tiny" }
  var model: String { "\(root)/snapshots/\(HubImitation.commit)/tiny.gguf" }
  var part: String { "\(root)/blobs/\(Self.file.blob).incomplete" }

  /// Leaves the first bytes of the file as an interrupted download does.
  func leave(_ count: Int) throws {
    try FileManager.default.createDirectory(atPath: root + "/blobs", withIntermediateDirectories: true)
    try Data(Self.file.content.prefix(count)).write(to: URL(filePath: part))
  }

  func size(_ path: String) -> Int? { FileManager.default.contents(atPath: path)?.count }

  func succeed(_ arguments: String...) throws -> Martlet.Result {
    try Martlet.succeed(arguments, environment: environment)
  }

  func fail(
    _ arguments: [String], _ status: Int32, _ words: [String], _ variables: [String: String] = [:],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try Martlet.fail(
      arguments, status, words, environment: environment.merging(variables) { $1 }, sourceLocation: sourceLocation)
  }
}

@Suite("command: pull, list, remove")
struct PullTests {
  @Test("a model comes, is listed, runs by its name, and goes")
  func life() async throws {
    let bench = try await PullBench()
    defer { bench.remove() }
    let pulled = try bench.succeed("pull", "tests/tiny")
    #expect(pulled.output.hasPrefix("tests/tiny  ") && pulled.output.hasSuffix("  \(bench.model)\n"))
    // No bar where nobody watches.
    #expect(pulled.error.split(separator: "\n").count == 1 && pulled.error.contains("1 file of"))
    #expect(bench.size(bench.model) == PullBench.file.content.count)

    #expect(try bench.succeed("list").output.contains("tests/tiny  "))
    let answer = try bench.succeed("complete", "tests/tiny", "hi", "--max-tokens", "2", "--temperature", "0", "--json")
    let own = try TinyModel.file()
    let expected = try Martlet.succeed(
      ["complete", own.path, "hi", "--max-tokens", "2", "--temperature", "0", "--json"])
    #expect(try answer.object()["tokens"] as? [Int] == (try expected.object()["tokens"] as? [Int]))

    let removed = try bench.succeed("remove", "tests/tiny")
    #expect(removed.output.hasPrefix("tests/tiny  ") && removed.output.contains("freed"))
    #expect(!FileManager.default.fileExists(atPath: bench.root))
    try bench.fail(["remove", "tests/tiny"], 66, ["tests/tiny", "martlet list"])
    try bench.fail(["complete", "tests/tiny", "hi"], 66, ["martlet pull tests/tiny"])
  }

  @Test("files and revisions are named alike by list, run and remove")
  func names() async throws {
    let content = PullBench.file.content
    let bench = try await PullBench([
      .init("BF16/tiny.gguf", content, isLarge: true), .init("q.gguf", content + [0], isLarge: true),
    ])
    defer { bench.remove() }
    _ = try bench.succeed("pull", "tests/tiny/BF16/tiny.gguf")
    #expect(try bench.succeed("list").output.hasPrefix("tests/tiny  "))
    #expect(try bench.succeed("info", "tests/tiny").output.contains("11 tensors"))
    _ = try bench.succeed("pull", "tests/tiny@main", "--file", "q.gguf")
    let listed = try #require(try bench.succeed("list", "--json").json() as? [[String: Any]])
    #expect(listed.map { $0["name"] as? String } == ["tests/tiny/BF16/tiny.gguf", "tests/tiny/q.gguf"])
    #expect(listed.map { $0["whole"] as? Bool } == [true, true])
    try bench.fail(["info", "tests/tiny"], 64, ["tests/tiny/BF16/tiny.gguf, tests/tiny/q.gguf"])
    #expect(try bench.succeed("info", "tests/tiny/BF16/tiny.gguf").output.contains("11 tensors"))
    let removed = try bench.succeed("remove", "tests/tiny/q.gguf")
    #expect(removed.output.hasPrefix("tests/tiny/q.gguf  \(ByteCount.text(content.count + 1)) freed"))
    #expect(try bench.succeed("list").output.hasPrefix("tests/tiny  \(ByteCount.text(content.count))  "))
    try bench.fail(["pull", "tests/tiny@v1", "--revision", "v2"], 64, ["another revision"])
    try bench.fail(["pull", "tests/tiny/q.gguf", "--file", "*"], 64, ["--file"])
  }

  @Test("what Python left without all of its weights is told, with the command that brings the rest")
  func notWhole() async throws {
    let bench = try await PullBench()
    defer { bench.remove() }
    let snapshot = URL(filePath: bench.model).deletingLastPathComponent()
    try FileManager.default.createDirectory(at: snapshot, withIntermediateDirectories: true)
    let index = #"{"weight_map":{"a":"m-1.safetensors","b":"m-2.safetensors"}}"#
    for (name, text) in [("config.json", "{}"), ("model.safetensors.index.json", index), ("m-1.safetensors", "x")] {
      try Data(text.utf8).write(to: snapshot.appending(path: name))
    }
    #expect(try bench.succeed("list").output.contains("not whole"))
    try bench.fail(["complete", "tests/tiny", "hi"], 66, ["m-2.safetensors", "martlet pull tests/tiny"])
  }

  @Test("signs that turn the direction of writing are spelled out")
  func steeringName() async throws {
    let bench = try await PullBench([.init("a.gguf", "a"), .init("b\u{202E}fugg.gguf", "b")])
    defer { bench.remove() }
    try bench.fail(["pull", "tests/tiny"], 64, ["b\\u{202E}fugg.gguf"])
  }

  @Test(
    "on a terminal a line tells how far it is, and never breaks",
    .enabled(if: Terminal.isAvailable, "no terminals here"),
    arguments: [80, 20])
  func bar(columns: Int) async throws {
    let bench = try await PullBench()
    defer { bench.remove() }
    let (part, whole) = (20_000, PullBench.file.content.count)
    try bench.leave(part)
    bench.server.always(.store("tiny.gguf"), .stallAfter(0))
    let terminal = try Terminal(["pull", "tests/tiny"], environment: bench.environment, columns: columns)
    let line = "\(part * 100 / whole) %  20.0 kB of \(ByteCount.text(whole))  tests/tiny"
    let shown = String(line.prefix(columns - 1))
    try terminal.expect("\u{1B}[K" + shown)
    terminal.child.send(SIGINT)
    // Nothing stands behind it, and it makes room for what is said next.
    #expect(try terminal.expect("\u{1B}[Kmartlet: stopped") == "")
    #expect(try terminal.child.wait(limit: .seconds(60)).status == 130)
  }

  @Test("as JSON")
  func json() async throws {
    let bench = try await PullBench()
    defer { bench.remove() }
    let size = PullBench.file.content.count
    let text = try bench.succeed("pull", "tests/tiny", "--json", "--revision", "v1", "--file", "*.gguf")
    #expect(!text.output.contains(" \n"))
    let pulled = try text.object()
    #expect(pulled["name"] as? String == "tests/tiny" && pulled["revision"] as? String == "v1")
    #expect(pulled["commit"] as? String == HubImitation.commit && pulled["path"] as? String == bench.model)
    #expect(pulled["bytes"] as? Int == size && pulled["fetched_bytes"] as? Int == size)
    let files = try #require(pulled["files"] as? [[String: Any]])
    #expect(files.map { $0["path"] as? String } == ["tiny.gguf"] && files[0]["bytes"] as? Int == size)
    #expect(try bench.succeed("pull", "tests/tiny", "--json").object()["fetched_bytes"] as? Int == 0)
    let removed = try bench.succeed("remove", "tests/tiny", "--json").object()
    // The file, and the commit in two references.
    #expect(removed["freed_bytes"] as? Int == size + 80 && removed["path"] as? String == bench.root)
  }

  @Test("wrong usage ends with 64")
  func usage() async throws {
    let bench = try await PullBench([.init("a.gguf", "a"), .init("b.gguf", "b")])
    defer { bench.remove() }
    try bench.fail(["pull"], 64, ["name"])
    try bench.fail(["pull", "tiny"], 64, ["'tiny'", "owner/name"])
    try bench.fail(["pull", "./tiny.gguf"], 64, ["owner/name"])
    try bench.fail(["pull", "tests/tiny", "--revision", "../x"], 64, ["'../x'"])
    try bench.fail(["pull", "tests/tiny"], 64, ["--file", "a.gguf (1 byte)", "b.gguf"])
    try bench.fail(["pull", "tests/tiny"], 64, ["HF_ENDPOINT"], ["HF_ENDPOINT": "huggingface.co"])
    try bench.fail(["pull", "smollm2", "--file", "x"], 64, ["smollm2"])
    try bench.fail(["remove"], 64, ["name"])
    try bench.fail(["remove", "/etc/passwd"], 64, ["/etc/passwd"])
  }

  @Test("content that is not what its hash says ends with 65, and is not kept")
  func wrongContent() async throws {
    let bench = try await PullBench()
    defer { bench.remove() }
    bench.server.always(.store("tiny.gguf"), .body([UInt8](repeating: 0, count: PullBench.file.content.count)))
    try bench.fail(["pull", "tests/tiny"], 65, ["tiny.gguf", "expected \(PullBench.file.sha256)", "found "])
    #expect(bench.size(bench.part) == nil && bench.size(bench.model) == nil)
  }

  @Test("what is not there ends with 66, what does not let us in with 69")
  func access() async throws {
    let bench = try await PullBench()
    defer { bench.remove() }
    try bench.fail(["pull", "tests/other"], 66, ["tests/other", bench.server.address])
    try bench.fail(["pull", "smollm2"], 66, ["make model"])
    bench.server.next(.listing, .status(401))
    try bench.fail(["pull", "tests/tiny"], 69, ["HF_TOKEN"])
    bench.server.next(.store("tiny.gguf"), .status(403))
    try bench.fail(["pull", "tests/tiny"], 69, ["403", "tiny.gguf"])
    bench.server.next(.file("tiny.gguf"), .status(403))
    try bench.fail(["pull", "tests/tiny"], 69, ["tests/tiny", "refuses"])
    try bench.fail(["pull", "tests/tiny"], 69, ["127.0.0.1", "network"], ["HF_ENDPOINT": "http://127.0.0.1:1"])
    try bench.fail(["pull", "tests/tiny"], 69, ["HF_HUB_OFFLINE"], ["HF_HUB_OFFLINE": "1"])
  }

  @Test("a disk that takes no more ends with 74, and the next attempt goes on")
  func fileSizeLimit() async throws {
    let bench = try await PullBench()
    defer { bench.remove() }
    let error = try TemporaryFile([])
    // A limit on the size of files is a disk that is full at a known place: 32 blocks of 512 bytes.
    let child = try Child(
      "/bin/sh", ["-c", "ulimit -f 32 && exec \"$0\" pull tests/tiny", Martlet.executable], input: "/dev/null",
      output: "/dev/null", error: error.path, environment: bench.environment)
    #expect(try child.wait().status == 74)
    let said = try String(contentsOfFile: error.path, encoding: .utf8)
    #expect(said.contains("ulimit") && said.split(separator: "\n").count == 1, "\(said)")
    #expect(bench.size(bench.part) == 16_384)
    let object = try bench.succeed("pull", "tests/tiny", "--json").object()
    #expect(object["fetched_bytes"] as? Int == PullBench.file.content.count - 16_384)
    #expect(FileManager.default.contents(atPath: bench.model).map { Array($0) } == PullBench.file.content)
  }

  @Test("SIGINT ends with 130 and leaves a part that the next attempt goes on with")
  func interrupt() async throws {
    let bench = try await PullBench()
    defer { bench.remove() }
    bench.server.next(.store("tiny.gguf"), .stallAfter(20_000))
    let error = try TemporaryFile([])
    let child = try Child(
      Martlet.executable, ["pull", "tests/tiny"], input: "/dev/null", output: "/dev/null", error: error.path,
      environment: bench.environment)
    let deadline = ContinuousClock.now + .seconds(20)
    while bench.size(bench.part) != 20_000, ContinuousClock.now < deadline { usleep(5000) }
    child.send(SIGINT)
    #expect(try child.wait(limit: .seconds(60)).status == 130)
    #expect(try String(contentsOfFile: error.path, encoding: .utf8).contains("goes on from there"))
    #expect(bench.size(bench.part) == 20_000 && bench.size(bench.model) == nil)
    let object = try bench.succeed("pull", "tests/tiny", "--json").object()
    #expect(object["fetched_bytes"] as? Int == PullBench.file.content.count - 20_000)
  }

  @Test("two programs that pull the same at once fetch it once")
  func together() async throws {
    let bench = try await PullBench()
    defer { bench.remove() }
    let children = try (0..<2).map { _ in
      try Child(
        Martlet.executable, ["pull", "tests/tiny"], input: "/dev/null", output: "/dev/null", error: "/dev/null",
        environment: bench.environment)
    }
    for child in children { #expect(try child.wait().status == 0) }
    #expect(bench.server.requests(.store("tiny.gguf")).count == 1)
    #expect(bench.size(bench.model) == PullBench.file.content.count)
  }
}
