import Foundation
import MartletLoadTestSupport
import MartletTestSupport
import Testing

/// `martlet bench-serve` as it is called.
@Suite struct BenchServeTests {
  @Test func theTableAndTheObject() async throws {
    let server = try await CompletionServer.start()
    let load = ["bench-serve", server.address, "--requests", "6", "--concurrency", "2", "--prompt-tokens", "50-90"]
    let table = try Martlet.succeed(load).output
    for words in [
      "the-model at \(server.address)/v1", "6 of 6 requests answered", "first token", "between tokens", "p99",
    ] {
      #expect(table.contains(words), "\(table)")
    }
    let object = try Martlet.succeed(load + ["--json", "--field", "temperature=0"]).object()
    #expect(
      Set(object.keys) == [
        "server", "model", "settings", "completed", "resent", "failed", "failures", "duration_s", "prompt_tokens",
        "cached_tokens",
        "generated_tokens", "counted_by_server", "requests_per_s", "generated_tokens_per_s", "total_tokens_per_s",
        "time_to_first_token_s", "inter_token_s", "time_per_token_s", "end_to_end_s",
      ])
    let settings = try #require(object["settings"] as? [String: Any])
    #expect(settings["prompt_tokens"] as? [Int] == [50, 90])
    #expect(settings["rate"] is NSNull)
    let times = try #require(object["time_to_first_token_s"] as? [String: Double])
    #expect(Set(times.keys) == ["mean", "p50", "p90", "p99", "max"])
    #expect(try server.allRequests.last?.json()["temperature"] as? Int == 0)
  }

  @Test func keysComeFromAFileOrTheEnvironment() async throws {
    let server = try await CompletionServer.start()
    let file = try TemporaryFile(Array("from-file\n".utf8))
    let load = ["bench-serve", server.address, "--requests", "1"]
    let environments = ["MARTLET_API_KEY": "", "OPENAI_API_KEY": "from-environment"]
    _ = try Martlet.succeed(load, environment: environments)
    #expect(server.allRequests.last?.authorization == "Bearer from-environment")
    _ = try Martlet.succeed(load + ["--api-key-file", file.path], environment: environments)
    #expect(server.allRequests.last?.authorization == "Bearer from-file")
    let bad = try TemporaryFile(Array("two\nkeys\n".utf8))
    try Martlet.fail(load + ["--api-key-file", bad.path], 64, ["one key"], environment: environments)
    try Martlet.fail(load + ["--api-key-file", "/nowhere/key"], 66, ["/nowhere/key"], environment: environments)
  }

  @Test(arguments: [
    (["--prompt-tokens", "9-3"], "9-3"), (["--rate", "-1"], "--rate is -1.0"),
    (["--field", "stream=true"], "--field sets stream"),
    (["--requests", "0"], "--requests is 0"), (["--timeout", "nan"], "--timeout"),
    (["nowhere"], "'nowhere' is no address"),
  ])
  func mistakesAreNamed(flags: [String], words: String) throws {
    try Martlet.fail(["bench-serve"] + flags, 64, [words])
  }

  @Test func aServerThatIsNotThereIsAFailureOfTheService() throws {
    try Martlet.fail(["bench-serve", "http://127.0.0.1:1"], 69, ["http://127.0.0.1:1/v1/models"])
  }
}
