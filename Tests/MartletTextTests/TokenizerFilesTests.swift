import Foundation
import MartletText
import Testing

/// Tokenizers out of `tokenizer.json` against Hugging Face tokenizers: small ones of each kind, made by
/// `scripts/goldens/tokenizer_json.py`.
struct TokenizerFilesTests {
  struct Expected: Decodable {
    /// Ids with special tokens read and added.
    let parsed: [[Int32]]
    /// Ids with neither, by the number of the text; missing where they are those of `parsed`, all of it missing where the
    /// reference makes control tokens of text all the same.
    let plain: [String: [Int32]]?
    /// The texts of `parsed` without special tokens, by number; missing where it is the text.
    let decoded: [String: String]
    /// The same with special tokens.
    let whole: [String]?
    let randomIDs: [[Int32]]
    let randomTexts: [String]
  }

  static let folder =
    ProcessInfo.processInfo.environment["MARTLET_TOKENIZER_FILES"].map { URL(filePath: $0) }
    ?? Resources.goldens.appending(path: "tokenizers")

  static let kinds = (try? FileManager.default.contentsOfDirectory(atPath: folder.path))?
    .filter { $0.hasSuffix(".tokenizer.json") }.map { $0.replacingOccurrences(of: ".tokenizer.json", with: "") }
    .sorted()

  static let texts = try? JSONDecoder().decode(
    [String].self, from: Data(contentsOf: folder.appending(path: "texts.json")))

  static func tokenizer(_ kind: String) throws -> Tokenizer {
    try Tokenizer(
      TokenizerFiles(tokenizer: Array(Data(contentsOf: folder.appending(path: "\(kind).tokenizer.json")))))
  }

  /// Counts differences and shows the first few.
  struct Differences {
    var count = 0
    var checks = 0

    mutating func check(
      _ found: some Equatable, _ expected: some Equatable, _ agree: Bool, _ what: @autoclosure () -> String
    ) {
      checks += 1
      if agree { return }
      count += 1
      if count < 6 { Issue.record("\(what()): \(found), expected \(expected)") }
    }
  }

  @Test(arguments: try #require(kinds))
  func agreesWithTheReference(kind: String) throws {
    let expected = try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: Self.folder.appending(path: "\(kind).expected.json")))
    let tokenizer = try Self.tokenizer(kind)
    let texts = try #require(Self.texts)
    var differences = Differences()
    for (number, ids) in expected.parsed.enumerated() {
      let text = texts[number]
      let quoted = text.debugDescription
      let found = tokenizer.encode(text, addSpecial: true, parseSpecial: true)
      differences.check(found, ids, found == ids, "parsed \(number) \(quoted)")
      if let plain = expected.plain {
        let found = tokenizer.encode(text, addSpecial: false)
        let ids = plain[String(number)] ?? ids
        differences.check(found, ids, found == ids, "plain \(quoted)")
      }
      let decoded = try tokenizer.decode(ids)
      let wanted = expected.decoded[String(number)] ?? text
      differences.check(decoded.debugDescription, wanted.debugDescription, same(decoded, wanted), "decoded \(quoted)")
      if let whole = expected.whole?[number] {
        let decoded = try tokenizer.decode(ids, skipSpecial: false)
        differences.check(decoded.debugDescription, whole.debugDescription, same(decoded, whole), "whole \(quoted)")
      }
      var stream = StreamingDetokenizer(tokenizer)
      let streamed = ids.map { stream.append($0) }.joined() + stream.finish()
      differences.check(streamed, wanted, same(streamed, wanted), "streamed \(quoted)")
    }
    for (ids, wanted) in zip(expected.randomIDs, expected.randomTexts) {
      let decoded = try tokenizer.decode(ids, skipSpecial: false)
      differences.check(decoded.debugDescription, wanted.debugDescription, same(decoded, wanted), "text of \(ids)")
    }
    #expect(differences.checks >= 100)
    #expect(differences.count == 0)
    if ProcessInfo.processInfo.environment["MARTLET_TOKENIZER_FILES"] != nil {
      print("\(kind): \(differences.checks) comparisons, \(differences.count) differences")
    }
  }

  /// Equal scalar by scalar: `==` of strings takes canonical equivalents for the same.
  private func same(_ a: String, _ b: String) -> Bool { a.unicodeScalars.elementsEqual(b.unicodeScalars) }
}
