/// How text is cut into words before byte-pair merging: the split patterns by the names that GGUF gives them
/// (`tokenizer.ggml.pre`).
package struct PreTokenizer: Sendable {
  /// The stages, each cutting the pieces of the one before.
  package let stages: [SplitStage]
  /// Whether a word that is a token as a whole becomes that token without merging.
  var ignoresMerges = false
  /// Whether models of this family expect a begin-of-text token where the file does not say.
  var addsBeginToken = false

  /// The pattern called `name`.
  /// - Throws: ``TextError/unknownPreTokenizer(name:known:)``.
  package init(named name: String) throws(TextError) {
    guard let families = Self.families.first(where: { $0.names.contains(name) }) else {
      throw .unknownPreTokenizer(name: name, known: Self.families.flatMap(\.names))
    }
    self = families.preTokenizer
  }

  private init(_ patterns: [SplitPattern], ignoresMerges: Bool = false, addsBeginToken: Bool = false) {
    stages = patterns.map { SplitStage($0) }
    self.ignoresMerges = ignoresMerges
    self.addsBeginToken = addsBeginToken
  }

  private static let families: [(names: [String], preTokenizer: PreTokenizer)] = [
    (["default", "gpt-2", "gpt2", "phi-2", "olmo", "mpt"], PreTokenizer([.gpt2])),
    (["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone"], PreTokenizer([.digits, .gpt2])),
    (
      ["llama-bpe", "llama3", "llama-v3", "falcon3"],
      PreTokenizer([.llama3(digits: 3)], ignoresMerges: true, addsBeginToken: true)
    ),
    (["qwen2", "deepseek-r1-qwen"], PreTokenizer([.llama3(digits: 1)])),
    (
      ["deepseek-llm"],
      PreTokenizer([
        .newlines, .scalars(.deepSeekLetters, leadingWhiteSpace: true),
        .scalars(.deepSeekPunctuation, leadingWhiteSpace: true), .trailingWhiteSpace,
        .scalars(.deepSeekIdeographs, leadingWhiteSpace: false), .digits,
      ])
    ),
    (
      ["deepseek-coder"],
      PreTokenizer([
        .newlines, .letters, .punctuation, .scalars(.deepSeekIdeographs, leadingWhiteSpace: false), .digits,
      ])
    ),
    (
      ["deepseek-v3"],
      PreTokenizer([.numbers(limit: 3), .scalars(.ideographsAndKana, leadingWhiteSpace: false), .deepSeekV3])
    ),
  ]
}
