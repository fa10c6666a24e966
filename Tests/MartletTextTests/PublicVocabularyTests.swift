import Foundation
import MartletText
import Testing

/// llama.cpp's vocabularies with its own expected ids.
@Suite(.enabled(if: Resources.hasVocabularies, "shared/data/vocab is not beside the repository"))
struct PublicVocabularyTests {
  static let names = ["gpt-2", "llama-bpe", "llama-spm", "qwen2"].map { "ggml-vocab-\($0).gguf" }

  @Test(arguments: names)
  func agreesWithExpectedIds(name: String) throws {
    let tokenizer = try Resources.tokenizer(name)
    let folder = Resources.vocabularies
    let input = try Data(contentsOf: folder.appending(path: name + ".inp"))
    let expected = try String(contentsOf: folder.appending(path: name + ".out"), encoding: .utf8)
      .components(separatedBy: "\n").dropLast()
      .map { $0.split(separator: " ").compactMap { Int32($0) } }
    // Each case ends with the separator, each line of ids with a line end.
    var cases = String(decoding: input, as: UTF8.self).components(separatedBy: "\n__ggml_vocab_test__\n")
    if cases.last?.isEmpty == true { cases.removeLast() }
    #expect(cases.count == expected.count && cases.count > 40)
    for (text, ids) in zip(cases, expected) {
      let found = tokenizer.encode(text, addSpecial: false)
      #expect(found == ids, "\(text.debugDescription)")
      #expect(try tokenizer.decode(found) == text, "\(text.debugDescription)")
    }
  }
}
