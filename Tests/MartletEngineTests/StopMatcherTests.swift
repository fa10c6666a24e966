import Testing

@testable import MartletEngine

@Suite struct StopMatcherTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let text: String
    let stops: [String]
    let expected: String
    let match: String?
    var testDescription: String { "\(text) \(stops)" }
  }

  static let cases = [
    Case(text: "hello world", stops: [], expected: "hello world", match: nil),
    Case(text: "hello world", stops: ["xyz"], expected: "hello world", match: nil),
    Case(text: "hello world", stops: ["o w"], expected: "hell", match: "o w"),
    Case(text: "hello", stops: ["hello"], expected: "", match: "hello"),
    Case(text: "hell", stops: ["hello"], expected: "hell", match: nil),
    Case(text: "aaab", stops: ["aab"], expected: "a", match: "aab"),
    Case(text: "ababac", stops: ["abac"], expected: "ab", match: "abac"),
    Case(text: "one\n\ntwo\nUser:", stops: ["\nUser:", "\n\n"], expected: "one", match: "\n\n"),
    Case(text: "abcd", stops: ["bcd", "c"], expected: "ab", match: "c"),
    Case(text: "abcd", stops: ["c", "abc"], expected: "", match: "abc"),
    Case(text: "naïve é", stops: ["é"], expected: "naïve ", match: "é"),
    Case(text: "è", stops: ["é"], expected: "è", match: nil),
    Case(text: "e\u{301}!", stops: ["\u{301}"], expected: "e", match: "\u{301}"),
    Case(text: "e\u{301}!", stops: ["é"], expected: "e\u{301}!", match: nil),
    Case(text: "你好。再见。", stops: ["。再", "见"], expected: "你好", match: "。再"),
    Case(text: "👩‍👩‍👧 done", stops: ["\u{200d}👧"], expected: "👩‍👩", match: "\u{200d}👧"),
    Case(text: "a\r\nb", stops: ["\n"], expected: "a\r", match: "\n"),
    Case(text: "</s", stops: ["</s>", "<|end|>"], expected: "</s", match: nil),
    Case(text: "x<|end|y<|end|>z", stops: ["<|end|>"], expected: "x<|end|y", match: "<|end|>"),
  ]

  /// Every way to cut the text into pieces gives the same text and match, and no piece has to be taken back.
  @Test(arguments: cases)
  func findsStopsHoweverTheTextIsCut(_ sample: Case) {
    let scalars = Array(sample.text.unicodeScalars)
    let cuts = min(scalars.count - 1, 10)
    for mask in 0..<(1 << cuts) {
      var matcher = StopMatcher(sample.stops)
      var output = ""
      var piece = ""
      for (index, scalar) in scalars.enumerated() {
        piece.unicodeScalars.append(scalar)
        guard index >= cuts || mask >> index & 1 == 1 || index == scalars.count - 1 else { continue }
        output += matcher.append(piece)
        piece = ""
        #expect(Array(sample.expected.utf8).starts(with: Array(output.utf8)))
      }
      output += matcher.finish()
      #expect(Array(output.utf8) == Array(sample.expected.utf8))
      #expect(matcher.match == sample.match)
      #expect(matcher.append("more") == "" || sample.match == nil)
    }
  }

  /// Nothing is held back longer than needed: only what begins a stop string.
  @Test func holdsBackNoMoreThanNeeded() {
    var matcher = StopMatcher(["<end>", "ab"])
    #expect(matcher.append("text <e") == "text ")
    #expect(matcher.append("n") == "")
    #expect(matcher.append("t") == "<ent")
    #expect(matcher.append("a") == "")
    #expect(matcher.append("a") == "a")
    #expect(matcher.finish() == "a")
  }

  @Test(arguments: 0..<2000 as Range<UInt64>)
  func agreesWithANaiveSearch(seed: UInt64) {
    var random = SplitMix64(state: seed)
    func word(_ lengths: ClosedRange<Int>) -> [UInt8] {
      (0..<Int.random(in: lengths, using: &random)).map { _ in UInt8.random(in: 97...98, using: &random) }
    }
    let text = word(1...30)
    let stops = (0..<Int.random(in: 1...3, using: &random)).map { _ in word(1...6) }
    var expected = text
    search: for end in 1...text.count {
      for stop in stops.sorted(by: { $0.count > $1.count }) where text[..<end].reversed().starts(with: stop.reversed())
      {
        expected = Array(text[..<(end - stop.count)])
        break search
      }
    }
    var matcher = StopMatcher(stops.map { String(decoding: $0, as: UTF8.self) })
    var output = ""
    var rest = text[...]
    while !rest.isEmpty {
      let count = Int.random(in: 1...rest.count, using: &random)
      output += matcher.append(String(decoding: rest.prefix(count), as: UTF8.self))
      rest = rest.dropFirst(count)
    }
    output += matcher.finish()
    #expect(Array(output.utf8) == expected)
  }

  private struct Letters: TokenTextDecoder {
    mutating func append(_ token: Int32) -> String { token == 0 ? "" : String(UnicodeScalar(UInt8(token))) }
    mutating func finish() -> String { "!" }
  }

  @Test func textOutputStopsAtAStopString() {
    func text(_ word: String, _ stops: [String]) -> (String, Bool) {
      var output = TextOutput(decoder: Letters(), stopStrings: stops)
      var text = word.utf8.reduce("") { $0 + output.append(Int32($1)) }
      text += output.finish()
      return (text, output.isStopped)
    }
    #expect(text("one two", ["e t"]) == ("on", true))
    #expect(text("one two", ["wo?"]) == ("one two!", false))
    #expect(text("one two", ["o!"]) == ("one tw", true))
  }
}
