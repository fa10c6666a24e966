import Foundation
import MartletText
import Testing

/// Tokenizers of Hugging Face's files told in the terms of GGUF files: the same tokens, or a reason.
@Suite struct TokenizerExportTests {
  /// What each kind of `scripts/goldens/tokenizer_kinds.py` comes to: a name of a split pattern, `llama`, or the field that
  /// stands in the way.
  static let expectations: [(kind: String, name: String?, field: String)] = [
    ("llama3", "llama-bpe", ""), ("qwen2", "qwen2", ""), ("smollm2", "smollm", ""), ("gpt2", "gpt-2", ""),
    ("deepseek-llm", "deepseek-llm", ""), ("deepseek-v3", "deepseek-v3", ""), ("llama2-scores", "llama", ""),
    ("roberta", nil, "pre_tokenizer"), ("flags-lowercase", nil, "normalizer"), ("holes-single", nil, "normalizer"),
    ("llama2", nil, "model.merges"), ("mistral", nil, "model.merges"), ("gemma", nil, "model.byte_fallback"),
    ("metaspace", nil, "model.byte_fallback"), ("unigram", nil, "model.type"), ("unigram-bytes", nil, "model.type"),
    ("whitespace", nil, "model.byte_fallback"),
  ]

  private static func files(_ kind: String) throws -> TokenizerFiles {
    let url = TokenizerFilesTests.folder.appending(path: "\(kind).tokenizer.json")
    return TokenizerFiles(tokenizer: Array(try Data(contentsOf: url)))
  }

  @Test(arguments: expectations.filter { $0.name != nil }.map(\.kind))
  func tokensAreTheSame(_ kind: String) throws {
    let expectation = try #require(Self.expectations.first { $0.kind == kind })
    let files = try Self.files(kind)
    var notes: [String] = []
    let description = try TokenizerDescription(files, notes: &notes)
    #expect(notes.isEmpty)
    #expect(description.model == (expectation.name == "llama" ? .sentencePieceBPE : .byteLevelBPE))
    if description.model == .byteLevelBPE { #expect(description.preTokenizer == expectation.name) }
    let (original, exported) = (try Tokenizer(files), try Tokenizer(description))
    #expect(exported.vocabularySize == original.vocabularySize)
    for text in try #require(TokenizerFilesTests.texts) {
      // GGUF files have no word for Unicode's composition.
      let unchanged = try original.decode(original.encode(text, addSpecial: false), skipSpecial: false)
      if kind == "qwen2", !unchanged.unicodeScalars.elementsEqual(text.unicodeScalars) { continue }
      for (special, parse) in [(false, false), (true, true)] {
        let ids = original.encode(text, addSpecial: special, parseSpecial: parse)
        #expect(exported.encode(text, addSpecial: special, parseSpecial: parse) == ids, "\(text.debugDescription)")
        #expect(try exported.decode(ids) == original.decode(ids), "\(text.debugDescription)")
      }
    }
  }

  @Test(arguments: expectations.filter { $0.name == nil }.map(\.kind))
  func othersAreRefusedByTheField(_ kind: String) throws {
    let expectation = try #require(Self.expectations.first { $0.kind == kind })
    var notes: [String] = []
    let error = #expect(throws: TextError.self) { try TokenizerDescription(Self.files(kind), notes: &notes) }
    guard case .unsupportedField(let field, _, _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(field == "tokenizer.json: \(expectation.field)")
  }

  /// Tokens of the configuration and of the generation, and what is only noted.
  @Test func rolesAndNotes() throws {
    var files = try Self.files("qwen2")
    let tokens = try Tokenizer(files).vocabularySize
    files.configuration = Array(
      #"{"bos_token": null, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}"#.utf8)
    files.generation = Array(#"{"eos_token_id": [\#(tokens - 2), \#(tokens - 4)]}"#.utf8)
    var notes: [String] = []
    let description = try TokenizerDescription(files, notes: &notes)
    #expect(description.endToken == Int32(tokens - 2))
    #expect(description.additionalEndTokens == [Int32(tokens - 4)])
    #expect(description.paddingToken == Int32(tokens - 4))
    #expect(description.addsBeginToken == false && description.addsEndToken == false)
    #expect(description.kinds[tokens - 1] == .userDefined && description.kinds[tokens - 2] == .control)
    #expect(notes.isEmpty)
    _ = try TokenizerDescription(Self.files("flags"), notes: &notes)
    #expect(notes.count == 1 && notes[0].contains("lstrip"))
  }
}
