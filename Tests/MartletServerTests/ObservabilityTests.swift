import Logging
import Martlet
import MartletTemplate
import Metrics
import Synchronization
import Testing

@testable import MartletServer

@Suite struct ObservabilityTests {
  @Test func writesPrometheusText() {
    let registry = PrometheusRegistry()
    registry.describe("requests_total", "Requests.")
    registry.describe("seconds", "Time.", buckets: [0.1, 1])
    Counter(label: "requests_total", dimensions: [("route", "/a\"b\\c\n")], factory: registry).increment(by: 3)
    // The same figure under another order of labels, and again.
    Counter(label: "requests_total", dimensions: [("route", "/a\"b\\c\n")], factory: registry).increment()
    Meter(label: "running", factory: registry).set(2.5)
    let timer = Timer(label: "seconds", factory: registry)
    for seconds in [0.05, 0.1, 0.5, 7] { timer.recordNanoseconds(Int64(seconds * 1e9)) }
    #expect(
      registry.text() == """
        # HELP requests_total Requests.
        # TYPE requests_total counter
        requests_total{route="/a\\"b\\\\c\\n"} 4
        # TYPE running gauge
        running 2.5
        # HELP seconds Time.
        # TYPE seconds histogram
        seconds_bucket{le="0.1"} 2
        seconds_bucket{le="1"} 3
        seconds_bucket{le="+Inf"} 4
        seconds_sum 7.65
        seconds_count 4

        """)
  }

  @Test func writesLogsAsJSON() throws {
    let lines = Mutex<[String]>([])
    let handler = { @Sendable (label: String) -> any LogHandler in
      JSONLogHandler(label: label) { line in lines.withLock { $0.append(line) } }
    }
    var logger = Logger(label: "test", factory: handler)
    logger[metadataKey: "request_id"] = "7"
    logger.info("a \"message\"\n", metadata: ["count": .stringConvertible(3), "list": ["a", "b"]])
    logger.debug("not shown")
    let line = try #require(lines.withLock { $0 }.first)
    #expect(lines.withLock { $0.count } == 1 && line.hasSuffix("}\n") && line.split(separator: "\n").count == 1)
    let value = try TemplateValue(json: line.utf8)
    #expect(value["message"] == "a \"message\"\n" && value["level"] == "info" && value["logger"] == "test")
    #expect(value["request_id"] == "7" && value["count"] == 3 && value["list"] == ["a", "b"])
    guard case .string(let time)? = value["time"] else { return }
    #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil, "\(time)")
  }

  @Test func readsSettings() throws {
    var settings = ServerSettings()
    try settings.read(
      json: """
        {"model": "smollm2", "port": 0, "host_names": ["a.example"], "sequences": 3, "compute": "f32", "drain_seconds": 5,
        "deterministic": true}
        """.utf8, path: "server.json")
    #expect(settings.options.isDeterministic && !ServerSettings().options.isDeterministic)
    #expect(settings.model == "smollm2" && settings.configuration.port == 0 && settings.options.maximumSequences == 3)
    #expect(settings.configuration.hostNames == ["a.example"] && settings.options.compute == .f32)
    #expect(settings.configuration.drainTime == .seconds(5))
  }

  @Test(
    arguments: [
      ("[]", "object"), ("{", "JSON"), (#"{"ports": 1}"#, "ports"), (#"{"port": 65536}"#, "port"),
      (#"{"port": "80"}"#, "port"), (#"{"compute": "f8"}"#, "f8"), (#"{"device": "abacus"}"#, "abacus"),
      (#"{"cache_tokens": 1}"#, "cache_tokens"), (#"{"drain_seconds": 0}"#, "drain_seconds"),
      (#"{"port": null}"#, "port"), (#"{"port": 80, "port": 81}"#, "port is given twice"),
      (#"{"sequences": 4096}"#, "sequences"), (#"{"deterministic": 1}"#, "deterministic"),
    ])
  func refusesWrongSettings(text: String, word: String) {
    var settings = ServerSettings()
    let error = #expect(throws: MartletError.self) { try settings.read(json: text.utf8, path: "server.json") }
    #expect(error?.message.hasPrefix("server.json: ") == true && error?.message.contains(word) == true)
  }
}
