import Foundation
import MartletFuzz
import Testing

/// One committed input of a target.
struct FuzzInput: Sendable, CustomTestStringConvertible {
  let target: FuzzTarget
  let url: URL
  var name: String { url.lastPathComponent }
  var testDescription: String { "\(target.rawValue)/\(name)" }

  static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fuzz")

  /// The inputs in `Fuzz/<set>/<target>`, by name.
  static func all(_ set: String) -> [FuzzInput] {
    FuzzTarget.allCases.flatMap { target in
      let folder = folder.appending(path: "\(set)/\(target.rawValue)")
      let files = (try? FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)) ?? []
      return files.sorted { $0.path < $1.path }.map { FuzzInput(target: target, url: $0) }
    }
  }

  /// What the target refuses of it.
  func run() throws -> [String] {
    try Data(contentsOf: url).withUnsafeBytes { target.run($0) }
  }
}

@Suite("The targets of `make fuzz` on committed files")
struct CorpusTests {
  /// What seeds ask for that is refused, rightly; every other seed is a file without fault.
  static func refused(_ input: FuzzInput) -> String? {
    switch input.name {
    case "refuses.jinja": "one message only"
    case _ where input.name.hasPrefix("vocabulary-"), "metadata.gguf": "the weight token_embd.weight is missing"
    default: nil
    }
  }

  @Test func everyTargetHasSeeds() {
    let targets = Set(FuzzInput.all("Seeds").map(\.target))
    #expect(targets == Set(FuzzTarget.allCases))
  }

  @Test("seeds are accepted, or refused for what they ask", arguments: FuzzInput.all("Seeds"))
  func seed(_ input: FuzzInput) throws {
    let refusals = try input.run()
    if let words = Self.refused(input) {
      #expect(refusals.count == 1)
      #expect(refusals.first?.contains(words) == true, "\(refusals)")
    } else {
      #expect(refusals.isEmpty)
    }
  }

  @Test("what once crashed or hung does so no more", arguments: FuzzInput.all("Regressions"))
  func regression(_ input: FuzzInput) throws {
    var refusals: [String] = []
    let seconds = try ContinuousClock().measure { refusals = try input.run() }
    #expect(seconds < .seconds(5))
    #expect(refusals.allSatisfy { !$0.isEmpty })
  }

  /// A little of what libFuzzer does, in every run of the tests: the same changes each time.
  @Test("changed seeds are accepted or refused", arguments: FuzzTarget.allCases)
  func changedSeeds(target: FuzzTarget) throws {
    let seeds = try FuzzInput.all("Seeds").filter { $0.target == target }.map { Array(try Data(contentsOf: $0.url)) }
    var random = Mutations(state: 7)
    var outcomes = (accepted: 0, refused: 0)
    for round in 0..<2000 {
      var bytes = seeds[round % seeds.count]
      for _ in 0...random.below(3) { random.change(&bytes, with: seeds) }
      if bytes.withUnsafeBytes({ target.run($0) }).isEmpty { outcomes.accepted += 1 } else { outcomes.refused += 1 }
    }
    #expect(outcomes.refused > 100)
    #expect(outcomes.accepted > 10)
  }
}

/// Random changes of an input, from a fixed seed (splitmix64: Steele, Lea and Flood 2014).
private struct Mutations {
  var state: UInt64

  mutating func below(_ limit: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int((mixed ^ (mixed >> 31)) % UInt64(max(limit, 1)))
  }

  mutating func change(_ bytes: inout [UInt8], with others: [[UInt8]]) {
    let place = below(bytes.count)
    switch below(6) {
    case _ where bytes.isEmpty: bytes.append(UInt8(below(256)))
    case 0: bytes[place] = UInt8(below(256))
    case 1: bytes[place] ^= 1 << UInt8(below(8))
    case 2: bytes.removeSubrange(place..<min(bytes.count, place + 1 + below(8)))
    case 3: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 1 + below(16))], at: below(bytes.count))
    case 4:
      let other = others[below(others.count)]
      let start = below(other.count)
      bytes.insert(contentsOf: other[start..<min(other.count, start + 1 + below(24))], at: place)
    default: bytes.replaceSubrange(place..<min(bytes.count, place + 8), with: repeatElement(0xFF, count: 8))
    }
  }
}
