import MartletHub
import Testing

@Suite("Pull: its parts")
struct PullPartsTests {
  @Test(
    "patterns",
    arguments: [
      ("a.gguf", "a.gguf", true), ("a.gguf", "b.gguf", false), ("*", "", true), ("*", "any", true), ("", "", true),
      ("", "a", false), ("*Q4*", "m.Q4_0.gguf", true), ("*.gguf", "a.gguf.part", false), ("?", "é", true),
      ("??", "a", false), ("a*b*c", "aXbYc", true), ("a*b*c", "aXcYb", false),
      ("*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaa", false),
      ("[a]", "a", false), ("**", "x", true), ("dir/*", "dir/file", true),
    ])
  func glob(pattern: String, text: String, expected: Bool) {
    #expect(Glob.matches(pattern, text) == expected)
  }

  @Test(
    "bytes for people",
    arguments: [
      (0, "0 bytes"), (1, "1 byte"), (999, "999 bytes"), (1000, "1.00 kB"), (1004, "1.00 kB"), (1005, "1.01 kB"),
      (9994, "9.99 kB"),
      (9995, "10.0 kB"), (99_949, "99.9 kB"), (99_950, "100 kB"), (999_499, "999 kB"), (999_500, "1.00 MB"),
      (98_362_432, "98.4 MB"), (1_350_000_000, "1.35 GB"), (Int.max, "9.22 EB"),
    ])
  func bytes(count: Int, text: String) {
    #expect(ByteCount.text(count) == text)
  }

  @Test("git's and SHA-256's hashes of known contents")
  func hashes() throws {
    // `printf 'hello\n' | git hash-object --stdin`, `printf 'hello\n' | sha256sum`, and the same of nothing.
    let cases = [
      ("hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
      ("hello\n", "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"),
      ("", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ]
    for (text, expected) in cases {
      let hash = try #require(ContentHash(expected))
      var calculation = ContentHash.Calculation(like: hash, size: text.utf8.count)
      for byte in text.utf8 { withUnsafeBytes(of: byte) { calculation.update($0) } }
      #expect(calculation.finish() == expected)
    }
  }

  @Test("hashes in tags")
  func tags() {
    let text = String(repeating: "a1", count: 20)
    #expect(ContentHash(etag: "\"\(text)\"") == .gitBlob(text))
    #expect(ContentHash(etag: "W/\"\(text)\"") == .gitBlob(text))
    #expect(ContentHash(etag: text + text.prefix(24)) == .sha256(text + text.prefix(24)))
    for bad in ["", "\"", "\"\"", "x", text + "/", text.uppercased(), text.dropLast() + "g", "../" + text.dropFirst(3)]
    {
      #expect(ContentHash(etag: bad) == nil, "\(bad)")
    }
  }

  @Test("ranges")
  func ranges() {
    #expect(ContentRange("bytes 200-999/1000") == ContentRange(200, 1000))
    for bad in [
      nil, "", "bytes", "bytes 0-1", "bytes 200-998/1000", "bytes */1000", "bytes 200-999/*", "items 0-9/10",
      "bytes 5-3/4", "bytes 0-99999999999999999999/1", "bytes -1-9/10",
    ] {
      #expect(ContentRange(bad) == nil, "\(bad ?? "nil")")
    }
  }

  @Test(
    "redirects",
    arguments: [
      ("https://h.example/a/b", "https://cdn.example/x?y=%2B", "https://cdn.example/x?y=%2B"),
      ("https://h.example/a/b", "/c", "https://h.example/c"),
      ("https://h.example/a/b", "c?d", "https://h.example/a/c?d"),
      ("http://h.example:81/a", "//o.example/x", "http://o.example/x"),
      ("https://h.example/a", "file:///etc/passwd", nil), ("https://h.example/a", "data:text/plain,x", nil),
      ("https://h.example/a", "http://", nil),
      // What began encrypted stays so.
      ("https://h.example/a", "http://h.example/b", nil),
      ("http://h.example/a", "https://h.example/b", "https://h.example/b"),
    ])
  func redirects(base: String, location: String, expected: String?) throws {
    let base = try #require(WebAddress(base))
    #expect(base.following(location)?.description == expected)
  }

  @Test("two addresses are of one server when scheme, host and port are the same")
  func origins() {
    func origin(_ text: String) -> WebAddress.Origin? { WebAddress(text)?.origin }
    #expect(origin("https://H.example/a") == origin("https://h.example:443/b?c"))
    #expect(origin("https://h.example") != origin("http://h.example"))
    #expect(origin("https://h.example") != origin("https://h.example:444"))
    #expect(origin("https://h.example") != origin("https://h.example.evil.example"))
    #expect(origin("https://h.example@evil.example/")?.host == "evil.example")
  }

  @Test(
    "when to come again",
    arguments: [
      ("7", 7), ("-1", 0), ("Sun, 06 Nov 1994 08:49:37 GMT", 37), ("Sun, 06 Nov 1994 08:49:00 GMT", 0),
      ("Sun, 06 Nov 1994 08:48:00 GMT", 0), ("soon", nil), ("", nil), ("Sun, 99 Nov 1994 08:49:37 GMT", nil),
    ] as [(String, Int?)])
  func retryAfter(text: String, seconds: Int?) {
    #expect(RetryPolicy.wait(retryAfter: text, now: 784_111_740) == seconds.map { .seconds($0) })
  }

  struct ProxyCase: Sendable {
    let variables: [String: String]
    let address: String
    let host: String?
  }

  @Test(
    "proxies",
    arguments: [
      ProxyCase(variables: [:], address: "https://h.example", host: nil),
      ProxyCase(variables: ["HTTPS_PROXY": "http://p:1"], address: "https://h.example", host: "p"),
      ProxyCase(variables: ["HTTPS_PROXY": "p:1"], address: "https://h.example", host: "p"),
      ProxyCase(variables: ["HTTPS_PROXY": "http://p:1"], address: "http://h.example", host: nil),
      ProxyCase(variables: ["https_proxy": "http://q", "HTTPS_PROXY": "http://p"], address: "https://h", host: "q"),
      ProxyCase(variables: ["ALL_PROXY": "socks5://p"], address: "http://h.example", host: "p"),
      ProxyCase(variables: ["ALL_PROXY": "p:1", "NO_PROXY": "h.example"], address: "https://h.example", host: nil),
      ProxyCase(variables: ["ALL_PROXY": "p:1", "NO_PROXY": "x, .example"], address: "https://h.example", host: nil),
      ProxyCase(variables: ["ALL_PROXY": "p:1", "no_proxy": "ample"], address: "https://h.example", host: "p"),
      ProxyCase(variables: ["ALL_PROXY": "p:1", "no_proxy": "*"], address: "https://h.example", host: nil),
      ProxyCase(variables: ["ALL_PROXY": "p:1", "no_proxy": "127.0.0.1:80"], address: "http://127.0.0.1", host: nil),
    ])
  func proxies(_ example: ProxyCase) throws {
    let settings = try ProxySettings { example.variables[$0] }
    let origin = try #require(WebAddress(example.address)?.origin)
    #expect(settings.proxy(for: origin)?.host == example.host)
  }

  @Test("a proxy's parts, and one that is none")
  func proxy() throws {
    let settings = try ProxySettings { ["https_proxy": "http://user:p%40ss@proxy.example:3128"][$0] }
    let proxy = try #require(settings.all.first)
    #expect(settings.all.count == 1 && !proxy.isSOCKS && proxy.host == "proxy.example" && proxy.port == 3128)
    #expect(proxy.user == "user" && proxy.password == "p@ss")
    let error = #expect(throws: HubError.self) { try ProxySettings { ["HTTP_PROXY": "https://u:secret@p"][$0] } }
    #expect(error?.message.contains("HTTP_PROXY") == true && error?.message.contains("secret") == false)
  }
}

@Suite("Pull: which files")
struct FileSelectionTests {
  private let repository = RepositoryName("a/b")

  private func choose(_ names: [String], _ patterns: [String] = []) throws -> [String] {
    let files = try names.map { try #require(RemoteFile(path: $0, size: 1)) }
    switch try FileSelection.choose(files, patterns: patterns, of: try #require(repository)) {
    case .files(let files): return files.map(\.path)
    case .indexed(let small, let index): return small.map(\.path) + [index.path]
    }
  }

  @Test(
    "of repositories as they are",
    arguments: [
      (["config.json", "model.safetensors", "tokenizer.model", "vocab.json"], ["config.json", "model.safetensors"]),
      (
        ["config.json", "model.safetensors", "model.fp16.safetensors", "model.Q4.gguf", "chat_template.jinja"],
        ["config.json", "chat_template.jinja", "model.safetensors"]
      ),
      (
        ["config.json", "model-1.safetensors", "model.safetensors.index.json", "model.safetensors"],
        ["config.json", "model.safetensors"]
      ),
      (
        ["additional_chat_templates/tool_use.jinja", "config.json", "model.safetensors.index.json", "other/a.jinja"],
        ["config.json", "additional_chat_templates/tool_use.jinja", "model.safetensors.index.json"]
      ),
      (["config.json", "README.md", "m.gguf"], ["m.gguf"]), (["sub/m.gguf"], ["sub/m.gguf"]),
      (["adapter_model.safetensors", "m.GGUF"], ["m.GGUF"]),
    ])
  func chosen(names: [String], expected: [String]) throws {
    #expect(try choose(names) == expected)
  }

  @Test(
    "or none",
    arguments: [
      ([], "holds no model"), (["README.md"], "holds no model"), (["config.json", "pytorch_model.bin"], "pickled"),
      (["consolidated.00.pth"], "pickled"), (["adapter_model.safetensors"], "config.json"),
      (["config.json", "other.safetensors"], "model.safetensors.index.json"),
      (["m-00001-of-00002.gguf", "m-00002-of-00002.gguf"], "merge"),
    ])
  func none(names: [String], word: String) {
    let error = #expect(throws: HubError.self) { try choose(names) }
    #expect(error?.exitStatus == 65 && error?.message.contains(word) == true, "\(error?.message ?? "")")
  }

  @Test("a long list of files is cut off")
  func long() {
    let error = #expect(throws: HubError.self) { try choose((0..<100).map { "m\($0).gguf" }) }
    #expect(error?.message.contains("and 60 more") == true)
  }

  @Test("parts of a split GGUF file are never fetched")
  func split() throws {
    let names = ["q4.gguf", "q8/m-00001-of-00002.gguf", "q8/m-00002-of-00002.gguf"]
    let error = #expect(throws: HubError.self) { try choose(names) }
    #expect(error?.exitStatus == 64 && error?.message.contains("2 parts of split ones") == true)
    #expect(error?.message.contains("q4.gguf (1 byte)") == true && error?.message.contains("00001") == false)
    #expect(try choose(names, ["q4*"]) == ["q4.gguf"])
    for pattern in ["q8/*", "*00001*"] {
      let error = #expect(throws: HubError.self) { try choose(names, [pattern]) }
      #expect(error?.exitStatus == 65 && error?.message.contains("merge") == true)
    }
    #expect(try choose(["m-00001-of-00001.gguf"]) == ["m-00001-of-00001.gguf"])
    #expect(try choose(["m-small-of-large.gguf"]) == ["m-small-of-large.gguf"])
  }

  @Test("by patterns")
  func patterns() throws {
    let names = ["a.gguf", "sub/a.gguf", "sub/b.gguf", "x.bin", "README.md"]
    #expect(try choose(names, ["a.gguf"]) == ["a.gguf", "sub/a.gguf"])
    #expect(try choose(names, ["sub/*", "README.md"]) == ["sub/a.gguf", "sub/b.gguf", "README.md"])
    #expect(#expect(throws: HubError.self) { try choose(names, ["*"]) }?.exitStatus == 65)
    #expect(#expect(throws: HubError.self) { try choose(names, ["a.gguf", "c*"]) }?.exitStatus == 66)
  }
}
