import Foundation
import MartletHub
import MartletHubTestSupport
import Testing

@Suite("Pull: who may")
struct PullAccessTests {
  private static let token = ["HF_TOKEN": "hf_secret"]

  @Test("the token goes to the hub and not to where the hub sends us")
  func token() async throws {
    let bench = try await PullBench()
    _ = try await bench.pull(variables: Self.token)
    for request in bench.server.requests {
      if case .store = request.place {
        #expect(request.headers["authorization"] == nil)
      } else {
        #expect(request.headers["authorization"] == "Bearer hf_secret")
      }
    }
    let stored = bench.server.requests(.store("model.safetensors"))
    #expect(stored.map(\.uri) == ["/store/model.safetensors?signature=a%2Bb"])
  }

  @Test("nor with a redirect of the listing, nor over HEAD")
  func redirectedListing() async throws {
    let bench = try await PullBench()
    let other = try await PullBench()
    bench.server.next(.listing, .redirect("\(other.server.address)/api/models/owner/name/revision/main"))
    bench.server.next(.file("config.json"), .redirect("//127.0.0.1:\(other.server.address.split(separator: ":")[2])/x"))
    await bench.fail(69, ["404", "config.json"], variables: Self.token)
    #expect(!other.server.requests.isEmpty)
    for request in other.server.requests { #expect(request.headers["authorization"] == nil) }
    #expect(!bench.server.requests(.file("config.json")).isEmpty)
  }

  @Test("a redirect within the hub keeps it: a repository that was renamed")
  func renamed() async throws {
    let bench = try await PullBench()
    bench.server.next(.listing, .redirect("/api/models/owner/name/revision/main?renamed"))
    _ = try await bench.pull(variables: Self.token)
    let listings = bench.server.requests(.listing)
    #expect(listings.map { $0.headers["authorization"] } == ["Bearer hf_secret", "Bearer hf_secret"])
    #expect(listings[1].uri.hasSuffix("?renamed"))
  }

  @Test(
    "redirects that lead nowhere", arguments: ["", "file:///etc/passwd", "ftp://x/y", "http://", "/api/models/loop"])
  func badRedirect(location: String) async throws {
    let bench = try await PullBench()
    if location.hasSuffix("loop") {
      bench.server.always(.listing, .redirect("/api/models/owner/name/revision/main"))
      await bench.fail(69, ["redirects more than 10 times"])
    } else {
      bench.server.always(.listing, .redirect(location))
      await bench.fail(69, ["redirects"])
    }
  }

  @Test("without a token, 401 says what a token could do; with one, that it is not accepted")
  func unauthorized() async throws {
    let bench = try await PullBench()
    bench.server.always(.listing, .status(401, ["x-error-message": "Invalid credentials"]))
    await bench.fail(69, ["owner/name", "private or gated", "HF_TOKEN", "Invalid"])
    await bench.fail(69, ["does not accept the token"], variables: Self.token)
    #expect(bench.pauses.isEmpty)
  }

  @Test("a gated model says where its conditions are")
  func gated() async throws {
    let bench = try await PullBench()
    let trouble = HubImitation.Trouble.status(403, ["x-error-code": "GatedRepo"])
    bench.server.always(.file("model.safetensors"), trouble)
    await bench.fail(69, ["owner/name", "\(bench.server.address)/owner/name", "HF_TOKEN", "conditions"])
    await bench.fail(69, ["the account of the token"], variables: Self.token)
    #expect(bench.names(bench.snapshot).isEmpty)
  }

  @Test("what is not there")
  func missing() async throws {
    let bench = try await PullBench()
    bench.server.next(.listing, .status(404, ["x-error-code": "RevisionNotFound"]))
    await bench.fail(66, ["owner/name", "no revision 'v9'"], revision: "v9")
    bench.server.next(.listing, .status(404, ["x-error-code": "RepoNotFound"]))
    await bench.fail(66, ["no model owner/name", bench.server.address])
    bench.server.next(.file("config.json"), .status(404))
    await bench.fail(66, ["config.json in owner/name"])
    bench.server.next(.listing, .status(451))
    await bench.fail(69, ["451"])
  }

  @Test("offline, nothing is asked for", arguments: ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
  func offline(variable: String) async throws {
    let bench = try await PullBench()
    await bench.fail(69, [variable, "owner/name is not on this machine"], variables: [variable: "1"])
    #expect(bench.server.requests.isEmpty)
    _ = try await bench.pull(variables: [variable: "0"])
    await bench.fail(69, ["owner/name is on this machine"], variables: [variable: "yes"])
  }

  @Test("offline, the revision that is asked for counts")
  func offlineRevision() async throws {
    let bench = try await PullBench()
    _ = try await bench.pull()
    let offline = ["HF_HUB_OFFLINE": "1"]
    await bench.fail(69, ["owner/name@v9 is not on this machine"], revision: "v9", variables: offline)
    await bench.fail(69, ["owner/name@main is on this machine"], name: "owner/name@main", variables: offline)
    // The newer variable decides where it is set.
    _ = try await bench.pull(variables: ["HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "1"])
  }

  @Test(
    "what somebody may have meant",
    arguments: [
      ("https://huggingface.co/owner/name", "'owner/name'"), ("https://hf.co/owner/name/tree/main?x", "'owner/name'"),
      ("name", "such as Qwen/Qwen3-0.6B"),
    ])
  func hint(name: String, words: String) async throws {
    let bench = try await PullBench()
    await bench.fail(64, [name, "owner/name", words], name: name)
  }

  @Test(
    "names of a repository that are too long or end in .git",
    arguments: ["a/" + String(repeating: "b", count: 97), "a/b.git"])
  func refusedName(name: String) async throws {
    let bench = try await PullBench()
    await bench.fail(64, ["owner/name"], name: name)
    // Each part may have 96 characters.
    let part = String(repeating: "b", count: 96)
    await bench.fail(66, [part], name: part + "/" + part)
  }

  @Test("names that are none of a repository", arguments: ["", "name", "a/b/c", "../x", "a/..", "./x.gguf", "a b/c"])
  func badName(name: String) async throws {
    let pull = ModelPull(
      environment: HubEnvironment { _ in nil },
      access: try HubAccess({ _ in nil }, environment: HubEnvironment { _ in nil }))
    let error = await #expect(throws: HubError.self) { try await pull.pull(name) }
    #expect(error?.exitStatus == 64)
  }
}

@Suite("How the hub is reached")
struct HubAccessTests {
  private func access(_ variables: [String: String]) throws(HubError) -> HubAccess {
    try HubAccess({ variables[$0] }, environment: HubEnvironment { variables[$0] })
  }

  @Test("the endpoint")
  func endpoint() throws {
    #expect(try access([:]).endpoint == "https://huggingface.co")
    #expect(try access(["HF_ENDPOINT": "https://mirror.example/hf//"]).endpoint == "https://mirror.example/hf")
    for endpoint in ["mirror.example", "ftp://mirror.example", "https://", "http:///x", "//x"] {
      let error = #expect(throws: HubError.self) { try access(["HF_ENDPOINT": endpoint]) }
      #expect(error?.exitStatus == 64 && error?.message.contains("HF_ENDPOINT") == true)
    }
  }

  @Test("the token: the variable, its file, the file of the login")
  func token() throws {
    let folder = try TemporaryFolder()
    #expect(try access(["HF_HOME": folder.path]).token == nil)
    try folder.write("token", "hf_file\n")
    #expect(try access(["HF_HOME": folder.path]).token == "hf_file")
    let path = try folder.write("other", "  hf_path \n\n")
    #expect(try access(["HF_HOME": folder.path, "HF_TOKEN_PATH": path]).token == "hf_path")
    #expect(
      try access(["HF_HOME": folder.path, "HF_TOKEN_PATH": path, "HF_TOKEN": "hf_variable"]).token == "hf_variable")
    #expect(try access(["HF_HOME": folder.path, "HF_TOKEN": ""]).token == "hf_file")
    #expect(try access(["HF_HOME": folder.path, "HUGGING_FACE_HUB_TOKEN": "hf_old"]).token == "hf_old")
    // Messages say where it is from.
    #expect(try access(["HF_HOME": folder.path]).tokenSource == folder.path + "/token")
    #expect(try access(["HF_TOKEN": "hf_variable"]).tokenSource == "HF_TOKEN")
    for token in ["a\nX-Header: b", "a b", "é", "a\u{0}"] {
      let error = #expect(throws: HubError.self) { try access(["HF_TOKEN": token]) }
      #expect(error?.exitStatus == 64)
      // An error message may end in a log.
      #expect(error?.message.contains(token) == false)
    }
  }

  @Test("a file of certificates that is not there")
  func certificates() throws {
    let error = #expect(throws: HubError.self) { try access(["SSL_CERT_FILE": "/no/such/file"]) }
    #expect(error?.exitStatus == 64 && error?.message.contains("SSL_CERT_FILE") == true)
  }

  @Test("patience", arguments: ["0", "-1", "x", "99999999999999999999"])
  func timeout(text: String) throws {
    let error = #expect(throws: HubError.self) { try access(["HF_HUB_DOWNLOAD_TIMEOUT": text]) }
    #expect(error?.message.contains("HF_HUB_DOWNLOAD_TIMEOUT") == true)
  }
}
