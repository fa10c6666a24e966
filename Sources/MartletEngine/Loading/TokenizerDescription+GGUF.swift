internal import MartletModels
internal import MartletText

extension TokenizerDescription {
  /// Reads the `tokenizer.ggml.*` keys; nil if the file has no vocabulary.
  /// - Throws: `GGUFError` for keys of the wrong type, `ModelError` for kinds of vocabularies that Martlet does not read.
  init?(gguf file: GGUFFile) throws {
    let metadata = file.metadata
    guard let tokens = try metadata.strings("tokenizer.ggml.tokens") else { return nil }
    let name = try metadata.requiredString("tokenizer.ggml.model")
    let kinds: [String: TokenizerDescription.Model] = ["gpt2": .byteLevelBPE, "llama": .sentencePieceBPE]
    guard let model = kinds[name] else {
      throw ModelError.unsupported(
        file: file.path, field: "tokenizer.ggml.model", found: "'\(name)'",
        supported: kinds.keys.sorted().joined(separator: ", "))
    }
    self.init(model: model, tokens: try ByteStringTable(tokens))
    if let values = try metadata.numbers("tokenizer.ggml.scores", as: Float.self) { scores = Array(values) }
    if let values = try metadata.numbers("tokenizer.ggml.token_type", as: Int32.self) {
      self.kinds = try values.map { value in
        guard let kind = UInt8(exactly: value).flatMap(TokenKind.init(rawValue:)) else {
          throw ModelError.unsupported(
            file: file.path, field: "tokenizer.ggml.token_type", found: "\(value)", supported: "1 to 6")
        }
        return kind
      }
    }
    if let merges = try metadata.strings("tokenizer.ggml.merges") { self.merges = try ByteStringTable(merges) }
    preTokenizer = try metadata.string("tokenizer.ggml.pre") ?? "default"

    func token(_ key: String) throws -> Int32? {
      guard let id = try metadata.integer("tokenizer.ggml.\(key)_token_id") else { return nil }
      guard id >= 0, id < tokens.count else {
        throw ModelError.invalidConfiguration(
          file: file.path, field: "tokenizer.ggml.\(key)_token_id", found: "\(id)", expected: "0 to \(tokens.count - 1)"
        )
      }
      return Int32(id)
    }
    beginToken = try token("bos")
    endToken = try token("eos")
    unknownToken = try token("unknown")
    paddingToken = try token("padding")
    additionalEndTokens = try [token("eot"), token("eom")].compactMap { $0 }
    addsBeginToken = try metadata.bool("tokenizer.ggml.add_bos_token")
    addsEndToken = try metadata.bool("tokenizer.ggml.add_eos_token")
    addsSpacePrefix = try metadata.bool("tokenizer.ggml.add_space_prefix")
  }
}

extension ByteStringTable {
  /// Copies the strings of a GGUF array.
  init(_ strings: GGUFArray) throws {
    self.init()
    reserveCapacity(strings: strings.count, bytes: strings.count * 8)
    try strings.forEachString { _, bytes in try append(bytes) }
  }
}
