import Foundation
import Martlet
import Testing

@testable import MartletLoad

/// The parts that need no server.
@Suite struct LoadPartsTests {
  /// Expected values by `numpy.percentile`.
  @Test(arguments: [
    ([3.0], [3, 3, 3]), ([1, 2], [1.5, 1.9, 1.99]), ([4, 1, 3, 2], [2.5, 3.7, 3.97]),
    ([10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 1000], [60, 100, 910]),
  ])
  func percentilesAreThoseOfNumPy(values: [Double], expected: [Double]) throws {
    let found = try #require(Percentiles(values))
    for (found, expected) in zip([found.p50, found.p90, found.p99], expected) { #expect(abs(found - expected) < 1e-9) }
    #expect(found.max == values.max())
    #expect(abs(found.mean - values.reduce(0, +) / Double(values.count)) < 1e-9)
    #expect(Percentiles([]) == nil)
  }

  @Test func eventsComeOutWhateverThePieces() throws {
    let text =
      "data: one\n\ndata:two\r\n\r\n: a comment\nevent: x\nid: 4\ndata: three\ndata: lines\n\n\n\ndata\ndata: \r\rdata: not ended"
    let expected = ["one", "two", "three\nlines", ""]
    for size in 1...text.utf8.count {
      var stream = EventStream()
      var found: [String] = []
      var rest = Array(text.utf8)[...]
      while !rest.isEmpty {
        found += try stream.events(rest.prefix(size)).map { String(decoding: $0, as: UTF8.self) }
        rest = rest.dropFirst(size)
      }
      #expect(found == expected, "pieces of \(size)")
    }
  }

  @Test func anEventHasAnEnd() {
    var stream = EventStream()
    let piece = [UInt8](repeating: 0x61, count: 1 << 20)
    #expect(throws: RequestFailure.self) {
      for _ in 0..<20 { _ = try stream.events(piece) }
    }
  }

  @Test func aSeedMakesThePlan() {
    var settings = LoadSettings()
    settings.promptTokens = 100...300
    settings.generateTokens = 1...9
    settings.rate = 50
    settings.requests = 4000
    let plan = LoadPlan(settings)
    #expect(plan == LoadPlan(settings))
    settings.seed = 2
    #expect(plan != LoadPlan(settings))
    #expect(Set(plan.requests.map(\.promptTokens)) == Set(100...300))
    #expect(Set(plan.requests.map(\.generateTokens)) == Set(1...9))
    #expect(Set(plan.requests.map(\.seed)).count == 4000)
  }

  /// Gaps of a Poisson process are exponential: mean and standard deviation are one over the rate.
  @Test func arrivalsAreAPoissonProcess() {
    var settings = LoadSettings()
    settings.rate = 50
    settings.requests = 20_000
    let times = LoadPlan(settings).requests.compactMap { $0.arrival?.inSeconds }
    let gaps = zip(times, [0] + times.dropLast()).map { $0 - $1 }
    let mean = gaps.reduce(0, +) / Double(gaps.count)
    let variance = gaps.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(gaps.count)
    #expect(gaps.allSatisfy { $0 >= 0 })
    #expect(abs(mean * 50 - 1) < 0.03)
    #expect(abs(variance.squareRoot() * 50 - 1) < 0.05)
    // e to the minus one of the gaps are longer than the mean.
    #expect(abs(Double(gaps.count { $0 > 0.02 }) / Double(gaps.count) - 0.3679) < 0.015)
  }

  @Test(arguments: [(20, 1.0), (0, 1), (35, 1.5), (-3, 2)])
  func wordsAreCountedByTwoRequests(fixed: Int, perWord: Double) throws {
    func tokens(_ words: Int) -> Int { fixed + Int((perWord * Double(words)).rounded()) }
    let scale = try #require(WordScale(few: tokens(WordScale.probes.few), many: tokens(WordScale.probes.many)))
    for wanted in [60, 200, 1000] { #expect(abs(tokens(scale.words(for: wanted)) - wanted) <= 1) }
    #expect((1...2).contains(scale.words(for: 1)))
  }

  @Test func aServerThatCountsNonsenseIsNotBelieved() {
    #expect(WordScale(few: 100, many: 100) == nil)
    #expect(WordScale(few: 100, many: 3) == nil)
  }

  @Test func promptsHaveTheirWords() {
    let prompt = WordPrompt.text(words: 50, seed: 3)
    #expect(prompt.split(separator: " ").count == 50)
    #expect(prompt == WordPrompt.text(words: 50, seed: 3))
    #expect(prompt != WordPrompt.text(words: 50, seed: 4))
    #expect(prompt.utf8.allSatisfy { $0 == 0x20 || (0x61...0x7A).contains($0) })
  }

  @Test(arguments: [
    ("http://host:8080", "http://host:8080/v1"), ("http://host:8080/", "http://host:8080/v1"),
    ("https://host/v1/", "https://host/v1"), ("https://host/under/v1", "https://host/under/v1"),
  ])
  func addressesLeadToTheAPI(address: String, expected: String) {
    var settings = LoadSettings()
    settings.address = address
    #expect(settings.root == expected)
  }

  @Test func settingsThatMakeNoSenseAreNamed() throws {
    let cases: [(String, (inout LoadSettings) -> Void)] = [
      ("--requests is 0", { $0.requests = 0 }), ("--concurrency is 0", { $0.concurrency = 0 }),
      ("--rate is 0.0", { $0.rate = 0 }), ("--rate is nan", { $0.rate = .nan }),
      ("--prompt-tokens is 0-5", { $0.promptTokens = 0...5 }),
      ("--generate-tokens is 1-2000000", { $0.generateTokens = 1...2_000_000 }),
      ("--timeout is 0.0 seconds", { $0.timeout = .zero }), ("--concurrency or --rate", { $0.concurrency = nil }),
      ("--field sets stream", { $0.fields = [("stream", .bool(true))] }),
      ("'localhost:80'", { $0.address = "localhost:80" }),
    ]
    for (words, change) in cases {
      var settings = LoadSettings()
      change(&settings)
      let error = try #require(throws: MartletError.self) { try settings.validate() }
      #expect(error.code == .invalidArgument)
      #expect(error.message.contains(words), "\(error.message)")
    }
  }
}
