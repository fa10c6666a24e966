/// What can be wrong with a vocabulary or with the token ids given to it.
public enum TextError: Error, Equatable, Sendable {
  /// The flat storage of a vocabulary would pass 4 GiB, which its 32-bit offsets cannot address.
  case vocabularyTooLarge(bytes: Int)
  /// A per-token table does not have one entry for each token.
  case lengthMismatch(table: String, found: Int, expected: Int)
  /// A special token's id is not an index of the vocabulary.
  case tokenOutOfRange(role: String, id: Int32, vocabularySize: Int)
  /// A line of the merge list is not two known tokens whose concatenation is a known token.
  case invalidMerge(index: Int, text: String, reason: String)
  /// The name of a split pattern (`tokenizer.ggml.pre`) that is not implemented.
  case unknownPreTokenizer(name: String, known: [String])
  /// The vocabulary cannot be used, for the reason given.
  case invalidVocabulary(reason: String)
  /// A file is not JSON at the byte given.
  case malformedJSON(file: String, offset: Int, reason: String)
  /// A field of a file asks for something that is not implemented, or is of the wrong type.
  case unsupportedField(field: String, found: String, expected: String)
}

extension TextError: CustomStringConvertible {
  /// The thing, what was found, what was expected, and what to do next.
  public var description: String {
    switch self {
    case .vocabularyTooLarge(let bytes):
      "vocabulary text of \(bytes) bytes does not fit: at most \(UInt32.max) bytes are possible; the file is damaged"
    case .lengthMismatch(let table, let found, let expected):
      "\(table) has \(found) entries, expected \(expected), one for each token; convert the model again"
    case .tokenOutOfRange(let role, let id, let vocabularySize):
      "\(role) is token \(id), but the vocabulary has tokens 0 to \(vocabularySize - 1); convert the model again"
    case .invalidMerge(let index, let text, let reason):
      "merge \(index) \"\(text)\" \(reason); convert the model again"
    case .unknownPreTokenizer(let name, let known):
      "pre-tokenizer \"\(name)\" is not known; known are \(known.joined(separator: ", "))"
    case .invalidVocabulary(let reason):
      "unusable vocabulary: \(reason)"
    case .malformedJSON(let file, let offset, let reason):
      "\(file) is not JSON: at byte \(offset) it \(reason); fetch the file again"
    case .unsupportedField(let field, let found, let expected):
      "\(field) is \(found), expected \(expected); this version of Martlet cannot use the file as it stands"
    }
  }
}
