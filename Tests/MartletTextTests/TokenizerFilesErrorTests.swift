import Foundation
import MartletText
import Testing

/// What a `tokenizer.json` or the files beside it may say wrongly: each is refused with its name, and nothing crashes.
struct TokenizerFilesErrorTests {
  static let base = """
    {"version":"1.0","added_tokens":[
      {"id":3,"content":"<s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true},
      {"id":4,"content":"</s>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}],
     "normalizer":{"type":"NFC"},"pre_tokenizer":{"type":"Split","pattern":{"Regex":"\\\\s+$"},"behavior":"Isolated","invert":false},
     "post_processor":null,"decoder":{"type":"Fuse"},
     "model":{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,"end_of_word_suffix":null,
      "fuse_unk":false,"byte_fallback":false,"ignore_merges":false,"vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}
    """

  struct Damage: Sendable, CustomTestStringConvertible {
    var what: String
    var with: String
    var error: String
    var testDescription: String { with }

    init(_ what: String, _ with: String, _ error: String) {
      self.what = what
      self.with = with
      self.error = error
    }
  }

  static let damages = [
    Damage(#""NFC""#, #""Precompiled""#, #"tokenizer.json: normalizer.type is "Precompiled""#),
    Damage(
      #"{"type":"NFC"}"#, #"{"type":"Sequence","normalizers":[{"type":"Nmt"}]}"#, "normalizer.normalizers[0].type"),
    Damage(
      #"{"type":"NFC"}"#, #"{"type":"Replace","pattern":{"Regex":"x+"},"content":""}"#, "normalizer.pattern.Regex"),
    Damage(
      #"{"type":"NFC"}"#, #"{"type":"Replace","pattern":{"String":""},"content":""}"#, "normalizer.pattern.String"),
    Damage(#"{"type":"NFC"}"#, #"{"type":"Strip","strip_left":true}"#, "normalizer.strip_right is nothing"),
    Damage(#"{"type":"NFC"}"#, "7", "normalizer is 7, expected an object"),
    Damage(#"\\s+$"#, #"[a-z]+"#, #"pre_tokenizer.pattern.Regex is "[a-z]+""#),
    Damage(#""Isolated""#, #""Sideways""#, "pre_tokenizer.behavior"),
    Damage(#""type":"Split""#, #""type":"BertPreTokenizer""#, #""BertPreTokenizer""#),
    Damage(#"{"Regex":"\\s+$"}"#, #"{"String":""}"#, "pre_tokenizer.pattern.String"),
    Damage(#""post_processor":null"#, #""post_processor":{"type":"Magic"}"#, "post_processor.type"),
    Damage(
      #""post_processor":null"#, #""post_processor":{"type":"BertProcessing","sep":["x",99],"cls":["y",0]}"#, "token 99"
    ),
    Damage(#""Fuse""#, #""WordPiece""#, #"decoder.type is "WordPiece""#),
    Damage(#"{"type":"Fuse"}"#, #"{"type":"Strip","content":" ","start":1,"stop":0}"#, "decoder.type"),
    Damage(#""BPE""#, #""WordPiece""#, #"model.type is "WordPiece""#),
    Damage(#""BPE""#, #""Unigram""#, "the model is Unigram, but model.vocab is an object"),
    Damage(#""dropout":null"#, #""dropout":0.1"#, "model.dropout is 0.1, expected 0 or null"),
    Damage(
      #""continuing_subword_prefix":null"#, ###""continuing_subword_prefix":"##""###, "model.continuing_subword_prefix"),
    Damage(#""end_of_word_suffix":null"#, #""end_of_word_suffix":"</w>""#, "model.end_of_word_suffix"),
    Damage(#""unk_token":null"#, #""unk_token":"<unk>""#, #"model.unk_token is "<unk>""#),
    Damage(#""fuse_unk":false"#, #""fuse_unk":"yes""#, "model.fuse_unk"),
    Damage(#""fuse_unk":false"#, #""shuffle":true"#, "model.shuffle is true"),
    Damage(#""version":"1.0""#, #""extra":{}"#, "tokenizer.json: extra"),
    Damage(#""ab":2"#, #""ab":1"#, "are both token 1"),
    Damage(#""ab":2"#, #""ab":-2"#, "ids of 3 tokens"),
    Damage(#""ab":2"#, #""ab":4000000000"#, "ids of 3 tokens"),
    Damage(#""ab":2"#, #""ab":9223372036854775807"#, "ids of 3 tokens"),
    Damage(#""ab":2"#, #""ab":99999999999999999999"#, "beyond 64 bits"),
    Damage(#""ab":2"#, #""ab":2.5"#, "lacks an integer"),
    Damage(#"["a b"]"#, #"["ab"]"#, "merge 0 \"ab\""),
    Damage(#"["a b"]"#, #"["a b c"]"#, "merge 0 \"a b c\""),
    Damage(#"["a b"]"#, #"[["b","a"]]"#, "merge 0 \"b a\" makes no token"),
    Damage(#"["a b"]"#, #"[["a"]]"#, "half a pair"),
    Damage(#"["a b"]"#, #"[["a","b","c"]]"#, "more than a pair"),
    Damage(#""id":3"#, #""id":7"#, #"added token "<s>" has the id 7, expected 3"#),
    Damage(#""content":"<s>""#, #""content":"a""#, "added_tokens[0].id is 3, expected 0"),
    Damage(#""id":3"#, #""id":"3""#, "added_tokens[0].id"),
    Damage(#""<s>""#, #""\ud800""#, "half a surrogate pair"),
    Damage(#""<s>""#, #""\x""#, "unknown escape"),
    Damage(#""<s>""#, "\"\t\"", "control character"),
    Damage(#""model""#, #""version""#, "tokenizer.json: model is nothing"),
    Damage("]}}", "]}} x", "goes on after its end"),
    Damage(#"{"type":"NFC"}"#, String(repeating: "[", count: 100_000), "nests deeper than 128 levels"),
  ]

  /// What Hugging Face tokenizers has and Martlet lacks, by the field that names it, and what may not be guessed.
  static let lacking: [(field: String, what: String, types: [String])] = [
    ("model", #""BPE""#, ["WordPiece", "WordLevel", "Quantum"]),
    ("normalizer", #""NFC""#, ["BertNormalizer", "Nmt", "Precompiled", "ByteLevel", "Quantum"]),
    (
      "pre_tokenizer", #""Split""#,
      ["BertPreTokenizer", "CharDelimiterSplit", "UnicodeScripts", "FixedLength", "Quantum"]
    ),
    ("decoder", #""Fuse""#, ["WordPiece", "CTC", "BPEDecoder", "Quantum"]),
  ]

  @Test(arguments: lacking.indices)
  func refusesKindsThatItLacks(index: Int) throws {
    let (field, known, types) = Self.lacking[index]
    for type in types {
      let text = Self.base.replacingOccurrences(of: known, with: "\"\(type)\"")
      #expect(text != Self.base)
      let found = try #require(Self.message(TokenizerFiles(tokenizer: Array(text.utf8))))
      #expect(found.contains("tokenizer.json: \(field).type is \"\(type)\", expected "), "\(found)")
    }
  }

  /// Patterns of real vocabularies, but for a letter, and others: a scanner for another pattern would split wrongly.
  @Test(arguments: [
    #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,4}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+"#,
    #"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"#, #"(a+)+$"#, #"\w+|[^\w\s]+"#, "",
  ])
  func refusesPatternsWithoutAScanner(pattern: String) throws {
    let escaped = pattern.replacingOccurrences(of: #"\"#, with: #"\\"#)
    let text = Self.base.replacingOccurrences(of: #"\\s+$"#, with: escaped)
    #expect(text != Self.base)
    let found = try #require(Self.message(TokenizerFiles(tokenizer: Array(text.utf8))))
    #expect(found.contains("pre_tokenizer.pattern.Regex is \"\(pattern)\""), "\(found)")
  }

  static func message(_ files: TokenizerFiles) -> String? {
    do throws(TextError) {
      _ = try Tokenizer(files)
      return nil
    } catch {
      return error.description
    }
  }

  @Test func acceptsTheBase() throws {
    let tokenizer = try Tokenizer(TokenizerFiles(tokenizer: Array(Self.base.utf8)))
    #expect(tokenizer.encode("ab<s>ba", addSpecial: true, parseSpecial: true) == [2, 3, 1, 0])
    #expect(tokenizer.encode("ab<s>ba", addSpecial: true) == [2, 1, 0])
  }

  @Test(arguments: damages)
  func refuses(damage: Damage) throws {
    let text = Self.base.replacingOccurrences(of: damage.what, with: damage.with)
    #expect(text != Self.base)
    let found = try #require(Self.message(TokenizerFiles(tokenizer: Array(text.utf8))))
    #expect(found.contains(damage.error), "\(found)")
  }

  @Test func refusesTruncatedFiles() {
    let bytes = Array(Self.base.utf8)
    for count in 0..<bytes.count {
      #expect(Self.message(TokenizerFiles(tokenizer: Array(bytes[..<count]))) != nil, "\(count) bytes")
    }
  }

  @Test func survivesDamagedBytes() throws {
    var state: UInt64 = 0x2545_F491_4F6C_DD1D
    func random(_ limit: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % limit
    }
    let names = try #require(TokenizerFilesTests.kinds)
    var accepted = 0
    for round in 0..<1500 {
      let url = TokenizerFilesTests.folder.appending(path: "\(names[round % names.count]).tokenizer.json")
      var bytes = round % 3 == 0 ? Array(try Data(contentsOf: url)) : Array(Self.base.utf8)
      for _ in 0...random(2) {
        let place = random(bytes.count)
        switch random(3) {
        case 0: bytes[place] = UInt8(random(256))
        case 1: bytes.remove(at: place)
        default: bytes.insert(Array(#"{}[]",:\0-9e.n"#.utf8)[random(14)], at: place)
        }
      }
      guard let tokenizer = try? Tokenizer(TokenizerFiles(tokenizer: bytes)) else { continue }
      accepted += 1
      let ids = tokenizer.encode("ab é <s>  x\u{301}日本 </s>12", addSpecial: true, parseSpecial: true)
      _ = try tokenizer.decode(ids, skipSpecial: false)
    }
    // The damage is the same every time, and some of it falls where it changes little.
    #expect(accepted > 0)
  }

  @Test func rolesComeFromTheSmallerFiles() throws {
    func files(_ configuration: String, _ special: String? = nil, _ generation: String? = nil) -> TokenizerFiles {
      TokenizerFiles(
        tokenizer: Array(Self.base.utf8), configuration: Array(configuration.utf8),
        specialTokens: special.map { Array($0.utf8) }, generation: generation.map { Array($0.utf8) })
    }
    let plain = try Tokenizer(
      files(#"{"bos_token":"<s>","eos_token":{"content":"</s>"},"pad_token":"<pad>","unk_token":null}"#))
    #expect(plain.beginToken == 3 && plain.endToken == 4 && plain.paddingToken == nil && plain.unknownToken == nil)
    #expect(plain.endTokens == [4] && !plain.addsBeginToken)
    // What a text is put between is for the post-processor to say, as in transformers.
    let adding = try Tokenizer(
      files(
        #"{"add_bos_token":true,"add_eos_token":true,"bos_token":"<s>"}"#, #"{"eos_token":"</s>","bos_token":"a"}"#,
        #"{"eos_token_id":[2,4]}"#))
    #expect(adding.encode("ab", addSpecial: true) == [2])
    #expect(adding.beginToken == 3 && !adding.addsBeginToken && !adding.addsEndToken && adding.endTokens == [4, 2])
    // A token of the vocabulary that only the configuration calls special is one.
    let named = try Tokenizer(files(#"{"eos_token":"ab"}"#))
    #expect(named.isSpecial(2) && named.encode("ab", addSpecial: false) == [0, 1])
    let flagged = try Tokenizer(
      files(#"{"added_tokens_decoder":{"3":{"content":"<s>","special":false},"5":{"content":"x y","special":true}}}"#))
    #expect(flagged.kind(of: 3) == .userDefined && flagged.token(for: "x y") == 5)
    for (file, error) in [
      (files(#"{"eos_token":"nowhere"}"#), #"tokenizer_config.json: eos_token is "nowhere""#),
      (files("[]"), "tokenizer_config.json"), (files("{"), "tokenizer_config.json is not JSON"),
      (files("{}", nil, #"{"eos_token_id":-1}"#), "generation_config.json: eos_token_id is -1"),
      (files("{}", nil, #"{"eos_token_id":5}"#), "token 5"),
    ] {
      #expect(Self.message(file)?.contains(error) == true, "\(Self.message(file) ?? "nothing")")
    }
  }

  @Test func idsMayBeLeftOut() throws {
    let text = Self.base.replacingOccurrences(of: #""ab":2"#, with: #""ab":9"#)
      .replacingOccurrences(of: #""id":3"#, with: #""id":10"#)
    // The reference numbers added tokens by the count of the others, so that these would fall on other tokens.
    #expect(Self.message(TokenizerFiles(tokenizer: Array(text.utf8))) != nil)
    let alone = #"{"model":{"vocab":{"ab":9,"a":0,"b":4},"merges":[["a","b"]]}}"#
    let tokenizer = try Tokenizer(TokenizerFiles(tokenizer: Array(alone.utf8)))
    #expect(tokenizer.vocabularySize == 10 && tokenizer.kind(of: 5) == .unused)
    #expect(tokenizer.encode("aba", addSpecial: false) == [9, 0])
    #expect(try tokenizer.decode([9, 5, 0]) == "ab a")
  }

  /// A file may name one token both as what steers the model and as what text becomes. Found by fuzzing.
  @Test func textNeverBecomesAControlToken() throws {
    let added = #""added_tokens":[{"id":0,"content":"<0x0A>","special":true}]"#
    let unknown = try Tokenizer(
      TokenizerFiles(
        tokenizer: Array(
          #"{\#(added),"model":{"vocab":{"<0x0A>":0,"a":1,"b":2},"merges":[],"unk_token":"<0x0A>"}}"#
            .utf8),
        configuration: Array(#"{"unk_token":"b"}"#.utf8)))
    // What the configuration calls unknown is special too, as in Hugging Face transformers: no text spells it.
    #expect(unknown.encode("zab", addSpecial: false) == [0, 1, 0])
    #expect(unknown.kind(of: 0) == .unknown && unknown.isSpecial(0) && unknown.isSpecial(2))
    let bytes = #"{\#(added),"model":{"vocab":{"<0x0A>":0,"a":1},"merges":[],"byte_fallback":true}}"#
    let error = try #require(Self.message(TokenizerFiles(tokenizer: Array(bytes.utf8))))
    #expect(error.contains(#"added_tokens is "<0x0A>" as a special token"#), "\(error)")

    var description = TokenizerDescription(model: .sentencePieceBPE, tokens: try ByteStringTable(["</s>", "a"]))
    description.kinds = [.control, .normal]
    description.scores = [0, 0]
    description.addsSpacePrefix = false
    description.unknownToken = 0
    let scored = try Tokenizer(description)
    #expect(scored.encode("za", addSpecial: false) == [0, 1])
    #expect(scored.kind(of: 0) == .unknown && scored.isSpecial(0))
  }
}
