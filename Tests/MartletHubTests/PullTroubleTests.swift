import Foundation
import Glibc
import MartletHub
import MartletHubTestSupport
import Synchronization
import Testing

@Suite("Pull: connections that fail")
struct PullConnectionTests {
  private static let large = "model.safetensors"
  private static let store = HubImitation.Place.store(large)

  private func expectWhole(_ bench: PullBench, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(bench.content(bench.snapshot + "/" + Self.large) == PullBench.weights, sourceLocation: sourceLocation)
    #expect(
      !bench.names(bench.root + "/blobs").contains { $0.hasSuffix(".incomplete") }, sourceLocation: sourceLocation)
  }

  /// The first byte that each request for the large file asks for.
  private func starts(_ bench: PullBench) -> [Int] {
    bench.server.requests(Self.store).map { request in
      request.headers["range"].flatMap { Int($0.dropFirst("bytes=".count).dropLast()) } ?? 0
    }
  }

  @Test("a broken connection goes on where it was")
  func broken() async throws {
    let bench = try await PullBench()
    bench.server.next(Self.store, .breakAfter(100_000), .breakAfter(50_000), .breakAfter(0))
    let pulled = try await bench.pull()
    expectWhole(bench)
    // How much of what was sent arrives before the end does is the network's choice; nothing comes twice.
    let starts = starts(bench)
    #expect(starts.count == 4 && starts == starts.sorted() && starts[1] > 0)
    #expect(bench.server.requests(Self.store).last?.headers["if-range"] == "\"store-300000\"")
    #expect(pulled.fetchedBytes == pulled.size)
    #expect(bench.pauses.count == 3)
  }

  @Test("what an earlier program left is gone on with")
  func resumed() async throws {
    let bench = try await PullBench()
    try bench.leave(PullBench.weights[..<123_456], of: bench.file(Self.large))
    let pulled = try await bench.pull()
    expectWhole(bench)
    #expect(starts(bench) == [123_456])
    #expect(pulled.fetchedBytes == pulled.size - 123_456)
  }

  @Test("a part that is whole is checked and not fetched; one that is too long is thrown away")
  func wholePart() async throws {
    let bench = try await PullBench()
    try bench.leave(PullBench.weights, of: bench.file(Self.large))
    _ = try await bench.pull()
    expectWhole(bench)
    #expect(starts(bench).isEmpty)

    let other = try await PullBench()
    try other.leave(PullBench.weights + [0], of: other.file(Self.large))
    _ = try await other.pull()
    expectWhole(other)
    #expect(starts(other) == [0])
  }

  @Test("a part that is wrong is found out by the hash, and all is fetched again")
  func damagedPart() async throws {
    let bench = try await PullBench()
    try bench.leave([UInt8](repeating: 7, count: 1000), of: bench.file(Self.large))
    _ = try await bench.pull()
    expectWhole(bench)
    #expect(starts(bench) == [1000, 0])
  }

  @Test(
    "a server that cannot continue begins anew",
    arguments: [HubImitation.Trouble.ignoreRange, .shiftedRange, .status(416), .tag("\"changed\"")])
  func noRange(trouble: HubImitation.Trouble) async throws {
    let bench = try await PullBench()
    bench.server.next(Self.store, .breakAfter(100_000), trouble)
    _ = try await bench.pull()
    expectWhole(bench)
  }

  @Test("a tag that changed in a server that does not know If-Range begins anew")
  func changedTag() async throws {
    let bench = try await PullBench()
    // A weak tag is not asked for, so both answers are parts, and the second one is of something else.
    bench.server.next(Self.store, .both(.tag("W/\"one\""), .breakAfter(50_000)), .tag("W/\"two\""))
    try bench.leave(PullBench.weights[..<1000], of: bench.file(Self.large))
    _ = try await bench.pull()
    expectWhole(bench)
    let starts = starts(bench)
    #expect(starts.count == 3 && starts[0] == 1000 && starts[1] > 1000 && starts[2] == 0, "\(starts)")
  }

  @Test("a server that begins anew each time and breaks at the same place is given up", .timeLimit(.minutes(15)))
  func sameHalf() async throws {
    let bench = try await PullBench()
    bench.server.always(Self.store, .both(.ignoreRange, .breakAfter(150_000)))
    await bench.fail(69, ["fetching \(Self.large) failed 5 times"])
  }

  @Test("a body in chunks without a length, whole and cut off")
  func chunked() async throws {
    let bench = try await PullBench()
    bench.server.next(Self.store, .chunked(first: 200_000), .chunked(first: .max))
    _ = try await bench.pull()
    expectWhole(bench)
    #expect(starts(bench) == [0, 200_000])
  }

  @Test("a server that is busy is asked again, when it says")
  func busy() async throws {
    let bench = try await PullBench()
    bench.server.next(.listing, .status(500), .status(503), .status(429, ["retry-after": "7"]))
    bench.server.next(.file("config.json"), .status(502))
    _ = try await bench.pull()
    #expect(bench.pauses == [.seconds(1), .seconds(2), .seconds(7), .seconds(1)])
    let retries = bench.reported.filter { if case .retrying = $0 { true } else { false } }
    #expect(retries.count == 4)
  }

  @Test("also when it says so by a date, or the servers before it answer")
  func busyUntil() async throws {
    let bench = try await PullBench()
    bench.server.next(
      .listing, .status(522), .status(503, ["retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"]),
      .status(503, ["retry-after": "soon"]))
    _ = try await bench.pull()
    #expect(bench.pauses == [.seconds(1), .zero, .seconds(4)])
  }

  @Test("a refusal whose headers break the rules of HTTP is one")
  func brokenHeaders() async throws {
    let bench = try await PullBench()
    bench.server.always(.listing, .status(403, ["x-error-message": "no\u{1}"]))
    await bench.fail(69, ["127.0.0.1", "HTTP"])
    #expect(bench.server.requests.count == 1)
  }

  @Test("a server that stays busy, or asks for too much patience, is given up")
  func givenUp() async throws {
    let bench = try await PullBench()
    bench.server.always(Self.store, .status(503))
    await bench.fail(69, [Self.large, "5 times", "503"])
    #expect(bench.pauses == [1, 2, 4, 8].map { .seconds($0) })
    bench.server.heal()
    bench.server.next(.listing, .status(429, ["retry-after": "4000"]))
    await bench.fail(69, ["4000 s"])
    _ = try await bench.pull()
    expectWhole(bench)
  }

  @Test("connections that bring nothing are given up; the part stays")
  func nothing() async throws {
    let bench = try await PullBench()
    bench.server.next(Self.store, .breakAfter(100_000))
    bench.server.always(Self.store, .breakAfter(0))
    await bench.fail(69, ["fetching \(Self.large) failed"])
    #expect(bench.names(bench.snapshot).isEmpty && bench.names(bench.root + "/refs").isEmpty)
    let part = try #require(bench.content("\(bench.root)/blobs/\(try bench.file(Self.large).blob).incomplete"))
    #expect(!part.isEmpty && PullBench.weights.starts(with: part))
    bench.server.heal()
    bench.server.forgetRequests()
    _ = try await bench.pull()
    expectWhole(bench)
    #expect(starts(bench) == [part.count])
  }

  @Test("silence ends an attempt")
  func silence() async throws {
    let bench = try await PullBench()
    bench.server.next(Self.store, .stallAfter(1000))
    _ = try await bench.pull(variables: ["HF_HUB_DOWNLOAD_TIMEOUT": "1"])
    expectWhole(bench)
    #expect(bench.reported.contains { if case .retrying(let text, _) = $0 { text.contains("silent") } else { false } })
  }

  @Test("a server that is not there")
  func refused() async throws {
    let bench = try await PullBench()
    await bench.fail(69, ["127.0.0.1", "refused"], variables: ["HF_ENDPOINT": "http://127.0.0.1:1"])
    // Nobody waits for what will not come.
    #expect(bench.pauses.isEmpty)
  }

  @Test("nothing that came leaves nothing")
  func emptyPart() async throws {
    let bench = try await PullBench()
    bench.server.always(Self.store, .breakAfter(0))
    await bench.fail(69, [Self.large])
    #expect(!bench.names(bench.root + "/blobs").contains { $0.hasSuffix(".incomplete") })
  }

  @Test("what is left to fetch and what was fetched are told apart")
  func fetched() async throws {
    let bench = try await PullBench()
    try bench.leave(PullBench.weights[..<200_000], of: bench.file(Self.large))
    let pulled = try await bench.pull()
    let last = bench.reported.last
    #expect(last == .progress(done: pulled.size, total: pulled.size, fetched: pulled.size - 200_000))
  }

  @Test("cancelled while a part that is here is read, it ends at once")
  func cancelledReading() async throws {
    // Zeroes that take no room on the disk, and many seconds to hash.
    let (size, hash) = (64 << 30, String(repeating: "a", count: 64))
    let bench = try await PullBench()
    bench.server.setListing(
      """
      {"sha": "\(HubImitation.commit)", "siblings": [{"rfilename": "m.gguf", "lfs": {"size": \(size), "sha256": \
      "\(hash)"}}]}
      """)
    try bench.folder.write("hub/models--owner--name/blobs/\(hash).incomplete", size: size)
    let task = Task { try await bench.pull() }
    func furthest() -> Int {
      bench.reported.reduce(0) { if case .progress(let done, _, _) = $1 { max($0, done) } else { $0 } }
    }
    let deadline = ContinuousClock.now + .seconds(180)
    while furthest() == 0, ContinuousClock.now < deadline { try await Task.sleep(for: .milliseconds(5)) }
    #expect(furthest() > 0)
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(furthest() < size)
  }

  @Test("cancelled, it leaves a part that the next one goes on with")
  func cancelled() async throws {
    let bench = try await PullBench()
    bench.server.next(Self.store, .stallAfter(100_000))
    let task = Task { try await bench.pull() }
    let part = "\(bench.root)/blobs/\(try bench.file(Self.large).blob).incomplete"
    let deadline = ContinuousClock.now + .seconds(180)
    while bench.content(part)?.count != 100_000, ContinuousClock.now < deadline {
      try await Task.sleep(for: .milliseconds(5))
    }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(bench.names(bench.snapshot).isEmpty)
    bench.server.forgetRequests()
    _ = try await bench.pull()
    expectWhole(bench)
    #expect(starts(bench) == [100_000])
  }
}

@Suite("Pull: contents that are wrong")
struct PullContentTests {
  private static let store = HubImitation.Place.store("model.safetensors")

  @Test("wrong bytes are thrown away and named", arguments: ["model.safetensors", "tokenizer.json"])
  func wrongHash(name: String) async throws {
    let bench = try await PullBench()
    let file = try bench.file(name)
    var content = file.content
    content[content.count / 2] ^= 1
    let wrong = HubImitation.File(name, content, isLarge: file.isLarge)
    bench.server.always(file.isLarge ? Self.store : .file(name), .body(content))
    await bench.fail(65, [name, "owner/name", "found \(wrong.blob)", "expected \(file.blob)"])
    #expect(!bench.names(bench.root + "/blobs").contains { $0.hasPrefix(file.blob) })
    #expect(bench.names(bench.snapshot).isEmpty && bench.names(bench.root + "/refs").isEmpty)
    bench.server.heal()
    _ = try await bench.pull()
    #expect(bench.content(bench.snapshot + "/" + name) == file.content)
  }

  @Test("a file of another size", arguments: [0, 299_999, 300_001])
  func wrongSize(size: Int) async throws {
    let bench = try await PullBench()
    bench.server.always(Self.store, .body([UInt8](repeating: 0, count: size)))
    await bench.fail(65, ["model.safetensors", "\(size)", "300000"])
  }

  @Test("more than was announced, from a server that does not say how much")
  func tooMuch() async throws {
    let file = HubImitation.File("m.gguf", "GGUF, and more".utf8, isLarge: true)
    let bench = try await PullBench([file])
    let listing = """
      {"sha": "\(HubImitation.commit)", "siblings": [{"rfilename": "m.gguf", "lfs": {"size": 4, "sha256": \
      "\(file.sha256)"}}]}
      """
    bench.server.setListing(listing)
    bench.server.always(.store("m.gguf"), .chunked(first: .max))
    await bench.fail(65, ["m.gguf", "more than the 4 bytes"])
    #expect(bench.names(bench.root + "/blobs").isEmpty)
  }

  static let badListings: [(String, String)] = [
    ("", "JSON"), ("{}", "commit"), (#"{"sha":"main","siblings":[]}"#, "commit"),
    (#"{"sha":"../../../0123456789abcdef0123456789abcdef","siblings":[]}"#, "commit"),
    (#"{"sha":"COMMIT"}"#, "files"), (#"{"sha":"COMMIT","siblings":{}}"#, "files"),
    (#"{"sha":"COMMIT","siblings":[{}]}"#, "name"), (#"{"sha":"COMMIT","siblings":[]}"#, "holds no model"),
    (#"{"sha":"COMMIT","siblings":[{"rfilename":"../x.gguf"}]}"#, "../x.gguf"),
    (#"{"sha":"COMMIT","siblings":[{"rfilename":"/etc/x.gguf"}]}"#, "/etc/x.gguf"),
    (#"{"sha":"COMMIT","siblings":[{"rfilename":"a/../../x.gguf"}]}"#, "a/../../x.gguf"),
    (#"{"sha":"COMMIT","siblings":[{"rfilename":"a//x.gguf"}]}"#, "a//x.gguf"),
    (#"{"sha":"COMMIT","siblings":[{"rfilename":"x\u0000.gguf"}]}"#, "called"),
    (#"{"sha":"COMMIT","siblings":[{"rfilename":"x\u001b[2J.gguf"}]}"#, "called"),
    (#"{"sha":"COMMIT","siblings":[{"rfilename":"x.gguf","size":-1}]}"#, "-1"),
    (#"{"sha":"COMMIT","siblings":[{"rfilename":"x.gguf","size":1,"blobId":"../../x"}]}"#, "no model's file"),
    (#"{"sha":"COMMIT","siblings":[{"rfilename":"x.gguf","size":9223372036854775807,"blobId":"HASH"}]}"#, "room"),
  ]

  @Test("an answer that is no listing, or a hostile one", arguments: badListings.indices)
  func hostileListing(index: Int) async throws {
    let (listing, word) = Self.badListings[index]
    let bench = try await PullBench()
    bench.server.setListing(
      listing.replacingOccurrences(of: "COMMIT", with: HubImitation.commit).replacingOccurrences(
        of: "HASH", with: String(repeating: "a", count: 40)))
    let error = await #expect(throws: HubError.self) { try await bench.pull() }
    switch word {
    // The hash is none, so it is asked for, and the file is not there.
    case "no model's file": #expect(error?.exitStatus == 66)
    case "room": #expect(error?.exitStatus == 74)
    default:
      #expect(error?.exitStatus == 65)
      #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
    }
    #expect(!bench.names(bench.folder.path).contains { $0 != "hub" })
    #expect(!bench.names(bench.root + "/blobs").contains { _ in true })
  }

  @Test("a listing without end is not read to its end")
  func endlessListing() async throws {
    let bench = try await PullBench()
    bench.server.setListing(String(repeating: " ", count: (16 << 20) + 1))
    await bench.fail(65, ["16 MB"])
  }
}

@Suite("Pull: a disk that is full")
struct PullDiskTests {
  @Test("it is noticed before anything is fetched, as far as it can be known")
  func beforehand() async throws {
    let bench = try await PullBench()
    await bench.fail(
      74, ["room for 1.00 kB", "300 kB", "299 kB are missing", "HF_HOME"], disk: Disk(freeBytes: { _ in 1000 }))
    #expect(bench.server.requests.map(\.place) == [.listing])
    // What is here needs no more room.
    try bench.leave(PullBench.weights, of: bench.file("model.safetensors"))
    _ = try await bench.pull(disk: Disk(freeBytes: { _ in 1000 }))
  }

  @Test(
    "and when it happens: what was fetched stays", arguments: [(ENOSPC, "full"), (EDQUOT, "quota"), (EFBIG, "ulimit")])
  func meanwhile(code: Int32, word: String) async throws {
    let bench = try await PullBench()
    let room = 150_000
    let disk = Disk(
      write: { descriptor, bytes, offset in
        // As a disk does: it takes what fits, and refuses the rest.
        guard offset < room else { return .failed(errno: code) }
        let fitting = UnsafeRawBufferPointer(rebasing: bytes.prefix(room - offset))
        return Disk.systemWrite(descriptor, fitting, offset)
      }, freeBytes: { _ in 1 << 30 })
    await bench.fail(74, [word, "needs 150 kB more", ".incomplete"], disk: disk)
    let part = "\(bench.root)/blobs/\(try bench.file("model.safetensors").blob).incomplete"
    #expect(bench.content(part) == Array(PullBench.weights[..<room]))
    let pulled = try await bench.pull()
    #expect(pulled.fetchedBytes < pulled.size)
    #expect(bench.content(bench.snapshot + "/model.safetensors") == PullBench.weights)
  }

  @Test("a name that cannot be given leaves nothing behind")
  func noTemporaryFiles() async throws {
    let bench = try await PullBench()
    try bench.folder.write("hub/models--owner--name/refs/main/x")
    await bench.fail(74, ["refs/main"])
    #expect(bench.names(bench.root + "/refs") == ["main"])
    let other = try await PullBench()
    try other.folder.write("hub/models--owner--name/snapshots/\(HubImitation.commit)/config.json/x")
    await other.fail(74, ["config.json"])
    #expect(other.names(other.snapshot) == ["config.json"])
  }

  @Test("a cache that cannot be made or written to")
  func readOnly() async throws {
    let bench = try await PullBench()
    try bench.folder.write("hub", "a file where the folder should be")
    await bench.fail(74, ["hub", "cannot be made"])
  }
}
