import Foundation
import MartletText
import Testing

/// 100,000 random texts by the tokenizers of each family, against what Hugging Face tokenizers makes of the same texts:
/// `scripts/goldens/tokenizer_fuzz_digests.py` keeps a checksum for each thousand of them.
struct RandomTextTests {
  struct Golden: Decodable {
    let count: Int
    let block: Int
    let alphabets: [String: [String]]
    /// By kind of tokenizer and by what is compared, one checksum a block.
    let digests: [String: [String: [String]]]
  }

  static let golden = try? JSONDecoder().decode(
    Golden.self, from: Data(contentsOf: Resources.goldens.appending(path: "random-texts.json")))

  @Test func goldenIsWhole() throws {
    let golden = try #require(Self.golden)
    #expect(golden.count == 100_000)
    #expect(golden.digests.count >= 8)
    for digests in golden.digests.values {
      #expect(digests.keys.count >= 5)
      #expect(digests.values.allSatisfy { $0.count == golden.count / golden.block })
    }
  }

  /// All texts, with the draws that follow each.
  private static let texts: [(bytes: [UInt8], draws: Draws)] = {
    guard let golden else { return [] }
    let texts = RandomTexts(alphabets: golden.alphabets)
    return (0..<golden.count).map { texts.text($0) }
  }()

  @Test(arguments: try #require(golden).digests.keys.sorted())
  func agreesWithTheReference(kind: String) throws {
    let golden = try #require(Self.golden)
    let expected = try #require(golden.digests[kind])
    let tokenizer = try TokenizerFilesTests.tokenizer(kind)
    for block in 0..<golden.count / golden.block {
      var sums = [CRC32](repeating: CRC32(), count: Results.names.count)
      for text in Self.texts[block * golden.block..<(block + 1) * golden.block] {
        let results = try Results(text, tokenizer)
        for (index, ids) in results.ids.enumerated() { sums[index].add(row: ids) }
        for (index, text) in results.texts.enumerated() { sums[results.ids.count + index].add(row: text) }
      }
      let found = Dictionary(zip(Results.names, sums.map(\.text)), uniquingKeysWith: { first, _ in first })
      for (name, digests) in expected {
        #expect(
          found[name] == digests[block],
          "\(name) of \(kind), block \(block): tokenizer_fuzz_digests.py \(kind) \(block) OUT tells which texts")
      }
    }
  }

  /// What Martlet makes of a text: the columns of the golden.
  struct Results {
    static let names = ["parsed", "plain", "randomIDs", "decoded", "whole", "random"]
    /// The first three columns.
    let ids: [[Int32]]
    /// The others.
    let texts: [String]

    init(_ text: (bytes: [UInt8], draws: Draws), _ tokenizer: Tokenizer) throws {
      var draws = text.draws
      let random = (0...draws.below(10)).map { _ in Int32(draws.below(tokenizer.vocabularySize)) }
      let (parsed, plain) = text.bytes.withUnsafeBufferPointer {
        (
          tokenizer.encode($0, addSpecial: true, parseSpecial: true), tokenizer.encode($0, addSpecial: false)
        )
      }
      ids = [parsed, plain, random]
      texts = [
        try tokenizer.decode(parsed), try tokenizer.decode(parsed, skipSpecial: false),
        try tokenizer.decode(random, skipSpecial: false),
      ]
    }
  }
}

/// One block in full, to find the text behind a checksum that differs.
@Suite(
  .enabled(if: Resources.randomBlock != nil, "MARTLET_TOKENIZER_BLOCK names an output of tokenizer_fuzz_digests.py"))
struct RandomBlockTests {
  struct Block: Decodable {
    let kind: String
    let block: Int
    let bytes: [String]
    let parsed: [[Int32]]
    let plain: [[Int32]]?
    let randomIDs: [[Int32]]
    let decoded: [String]
    let whole: [String]
    let random: [String]
  }

  @Test func agreesTextByText() throws {
    let url = try #require(Resources.randomBlock)
    let block = try JSONDecoder().decode(Block.self, from: Data(contentsOf: url))
    let golden = try #require(RandomTextTests.golden)
    let texts = RandomTexts(alphabets: golden.alphabets)
    let tokenizer = try TokenizerFilesTests.tokenizer(block.kind)
    for (index, hexadecimal) in block.bytes.enumerated() {
      let text = texts.text(block.block * golden.block + index)
      #expect(text.bytes.map { String(0x100 + Int($0), radix: 16).dropFirst() }.joined() == hexadecimal)
      let quoted = String(decoding: text.bytes, as: UTF8.self).debugDescription
      let found = try RandomTextTests.Results(text, tokenizer)
      #expect(found.ids[0] == block.parsed[index], "\(quoted)")
      if let plain = block.plain { #expect(found.ids[1] == plain[index], "\(quoted)") }
      #expect(found.ids[2] == block.randomIDs[index])
      for (text, expected) in zip(found.texts, [block.decoded[index], block.whole[index], block.random[index]]) {
        #expect(
          text.unicodeScalars.elementsEqual(expected.unicodeScalars),
          "\(quoted): \(text.debugDescription), expected \(expected.debugDescription)")
      }
    }
  }
}
