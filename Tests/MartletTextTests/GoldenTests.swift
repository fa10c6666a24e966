import Foundation
import MartletText
import Testing

/// What `scripts/goldens/tokenizer.py` wrote, from Hugging Face tokenizers, llama.cpp and Python.
struct GoldenTests {
  struct Row: Decodable {
    let text: String
    let ids: [Int32]
    let parsed: [Int32]
  }

  struct Pieces: Decodable {
    struct Row: Decodable {
      let text: String
      let pieces: [Int]
    }
    let preTokenizer: String
    let rows: [Row]
  }

  struct Bytes: Decodable {
    let hex: String
    let text: String

    var bytes: [UInt8] {
      stride(from: 0, to: hex.utf8.count, by: 2).compactMap {
        UInt8(hex.dropFirst($0).prefix(2), radix: 16)
      }
    }
  }

  static func golden<Value: Decodable>(_ name: String, as _: Value.Type = Value.self) throws -> Value {
    try JSONDecoder().decode(Value.self, from: Data(contentsOf: Resources.goldens.appending(path: name)))
  }

  @Test(.enabled(if: Resources.hasModel, "the default model is not in the cache: make run brings it"))
  func smolLM2() throws {
    let tokenizer = try Tokenizer(VocabularyFile(Resources.model).description)
    let rows = try Self.golden("smollm2.json", as: [Row].self)
    #expect(rows.count > 200)
    for row in rows {
      let text = row.text.debugDescription
      #expect(tokenizer.encode(row.text, addSpecial: false) == row.ids, "\(text)")
      #expect(tokenizer.encode(row.text, addSpecial: false, parseSpecial: true) == row.parsed, "\(text)")
      #expect(tokenizer.encode(row.text, addSpecial: true) == row.ids, "this model adds nothing: \(text)")
      #expect(!row.ids.contains { tokenizer.isSpecial($0) })
    }
    #expect(tokenizer.token(for: "<|im_end|>") == 2)
    #expect(tokenizer.isEndOfText(2) && !tokenizer.isEndOfText(0))
  }

  @Test func splitPatternsCutWhereTheReferenceDoes() throws {
    for pattern in try Self.golden("pieces.json", as: [Pieces].self) {
      for row in pattern.rows {
        let found = try pieces(of: row.text, by: pattern.preTokenizer)
        #expect(found == row.pieces, "\(pattern.preTokenizer): \(row.text.debugDescription)")
      }
    }
  }

  @Test func illFormedBytesAreReplacedAsPythonDoes() throws {
    let tokenizer = try Tokenizer(.bytes())
    for row in try Self.golden("utf8.json", as: [Bytes].self) {
      let ids = row.bytes.map { Int32($0) }
      #expect(try tokenizer.decode(ids) == row.text, "\(row.hex)")
      #expect(UTF8Repair.string(row.bytes) == row.text, "\(row.hex)")
      let expected = tokenizer.encode(row.text, addSpecial: false)
      let found = row.bytes.withUnsafeBufferPointer { tokenizer.encode($0, addSpecial: false) }
      #expect(found == expected, "\(row.hex)")
      #expect(tokenizer.encode(row.bytes.span, addSpecial: false) == expected, "\(row.hex)")
    }
  }

  @Test func streamedTextIsTheWholeText() throws {
    let tokenizer = try Tokenizer(.bytes())
    for row in try Self.golden("utf8.json", as: [Bytes].self) {
      var stream = StreamingDetokenizer(tokenizer)
      var parts = row.bytes.map { stream.append(Int32($0)) }
      parts.append(stream.finish())
      #expect(parts.joined() == row.text, "\(row.hex)")
    }
  }
}

extension TokenizerDescription {
  /// A byte-level vocabulary whose token `b` is the byte `b`, followed by `more` tokens.
  static func bytes(_ more: [(text: String, kind: TokenKind)] = []) throws -> TokenizerDescription {
    // GPT-2's alphabet: printable Latin-1 for itself, the rest from U+0100 on.
    var next: UInt32 = 0x100
    let alphabet = (0...UInt32(255)).map { byte -> String in
      let isPrintable = (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte)
      defer { if !isPrintable { next += 1 } }
      return String(Unicode.Scalar(isPrintable ? byte : next).map(Character.init) ?? " ")
    }
    var description = TokenizerDescription(
      model: .byteLevelBPE, tokens: try ByteStringTable(alphabet + more.map(\.text)))
    description.kinds = [TokenKind](repeating: .normal, count: 256) + more.map(\.kind)
    return description
  }
}
