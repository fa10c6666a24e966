import Foundation
import MartletText
import Testing

/// Random texts against other tokenizers, made by `scripts/goldens/tokenizer_fuzz.py`.
@Suite(.enabled(if: Resources.randomTexts != nil, "set MARTLET_TOKENIZER_FUZZ to the output of tokenizer_fuzz.py"))
struct TokenizerFuzzTests {
  struct File: Decodable {
    struct Row: Decodable {
      let text: String
      let pieces: [Int]?
      let ids: [Int32]?
      let parsed: [Int32]?
    }
    let preTokenizer: String
    let vocabulary: String?
    let rows: [Row]
  }

  static func files() throws -> [URL] {
    guard let folder = Resources.randomTexts else { return [] }
    return try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      .filter { $0.pathExtension == "json" }
  }

  @Test(arguments: try files())
  func agreesOnRandomTexts(file: URL) throws {
    let file = try JSONDecoder().decode(File.self, from: Data(contentsOf: file))
    var differences = 0
    var checks = 0
    func check(_ found: some Equatable, _ expected: some Equatable, _ agree: Bool, _ text: String, _ what: String) {
      checks += 1
      if agree { return }
      differences += 1
      if differences < 10 { Issue.record("\(what) of \(text.debugDescription): \(found), expected \(expected)") }
    }
    let tokenizer = try file.vocabulary.map { try Tokenizer(VocabularyFile(URL(filePath: $0)).description) }
    for row in file.rows {
      if let expected = row.pieces {
        let found = try pieces(of: row.text, by: file.preTokenizer)
        check(found, expected, found == expected, row.text, "pieces")
      }
      guard let tokenizer else { continue }
      for (expected, parse) in [(row.ids, false), (row.parsed, true)] {
        guard let expected else { continue }
        let found = tokenizer.encode(row.text, addSpecial: false, parseSpecial: parse)
        check(found, expected, found == expected, row.text, parse ? "parsed ids" : "ids")
      }
    }
    print("\(file.preTokenizer): \(file.rows.count) texts, \(checks) comparisons, \(differences) differences")
    #expect(differences == 0)
  }
}

/// The lengths, in scalars, of the pieces that a split pattern cuts `text` into.
func pieces(of text: String, by name: String) throws -> [Int] {
  let stages = try PreTokenizer(named: name).stages
  var text = text
  return text.withUTF8 { utf8 in
    guard let base = utf8.baseAddress else { return [] }
    let scanner = Scanner(text: base)
    var ranges = utf8.isEmpty ? [] : [0..<utf8.count]
    for stage in stages { ranges = ranges.flatMap { stage.pieces(scanner, $0) } }
    return ranges.map { range in utf8[range].count { $0 & 0xC0 != 0x80 } }
  }
}
