package import MartletModels
internal import MartletText

extension GGUFHeader {
  /// Writes the vocabulary and chat template of a folder.
  /// - Parameter vocabularySize: rows of the embedding; ids without a token get a name, since llama.cpp wants one for
  ///   each row.
  /// - Returns: sentences about what the file cannot say.
  /// - Throws: `TextError` for a tokenizer that GGUF files cannot describe, `ModelError` for one that is larger than the
  ///   embedding.
  package mutating func setTokenizer(of folder: CheckpointFolder, vocabularySize: Int) throws -> [String] {
    guard let text = try TokenizerFolder(folder) else {
      set("tokenizer.ggml.model", "no_vocab")
      return ["\(folder.path) has no tokenizer.json, so the file will have no vocabulary and take token ids only"]
    }
    var notes: [String] = []
    let description = try TokenizerDescription(text.files, notes: &notes)
    guard description.tokens.count <= vocabularySize else {
      throw ModelError.invalidConfiguration(
        file: folder.path, field: "the vocabulary", found: "\(description.tokens.count) tokens",
        expected: "at most the \(vocabularySize) rows of the embedding")
    }
    set(description, vocabularySize: vocabularySize)
    setEnds(description, notes: &notes)
    setTemplates(text.chatTemplates)
    return notes
  }

  private mutating func set(_ description: TokenizerDescription, vocabularySize: Int) {
    let padding = description.tokens.count..<vocabularySize
    let prefix = "tokenizer.ggml."
    switch description.model {
    case .byteLevelBPE:
      set(prefix + "model", "gpt2")
      set(prefix + "pre", description.preTokenizer)
    case .sentencePieceBPE:
      set(prefix + "model", "llama")
      set(prefix + "pre", "default")
      set(prefix + "scores", numbers: description.scores + padding.map { _ in 0 })
      set(prefix + "add_space_prefix", description.addsSpacePrefix ?? true)
    }
    set(
      prefix + "tokens",
      strings: (0..<vocabularySize).lazy.map { id in
        padding.contains(id) ? ArraySlice(TokenizerDescription.paddingSpelling(id).utf8) : description.tokens[id]
      })
    set(
      prefix + "token_type",
      numbers: description.kinds.map { Int32($0.rawValue) } + padding.map { _ in Int32(TokenKind.unused.rawValue) })
    if description.model == .byteLevelBPE {
      set(prefix + "merges", strings: (0..<description.merges.count).lazy.map { description.merges[$0] })
    }
    set(prefix + "add_bos_token", description.addsBeginToken ?? false)
    set(prefix + "add_eos_token", description.addsEndToken ?? false)
    for (role, token) in [
      ("bos", description.beginToken), ("eos", description.endToken), ("unknown", description.unknownToken),
      ("padding", description.paddingToken),
    ] {
      if let token { set("\(prefix)\(role)_token_id", UInt32(token)) }
    }
  }

  /// The default template, and the others by their names, spelled with letters and digits as in gguf-py.
  private mutating func setTemplates(_ templates: [String: String]) {
    var names: [String] = []
    for (name, source) in templates.sorted(by: { $0.key < $1.key }) where name != "default" && !name.isEmpty {
      names.append(String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }))
      set("tokenizer.chat_template.\(names[names.count - 1])", source)
    }
    if !names.isEmpty { set("tokenizer.chat_templates", strings: names.map(\.utf8)) }
    if let source = templates["default"] { set("tokenizer.chat_template", source) }
  }

  /// Beside the end of a text, GGUF files have places for the ends of a turn and of a message.
  private mutating func setEnds(_ description: TokenizerDescription, notes: inout [String]) {
    var rest = description.additionalEndTokens[...]
    func text(_ token: Int32) -> String { description.tokens.string(at: Int(token)) }
    if let place = rest.firstIndex(where: { text($0).contains("eom") }) {
      set("tokenizer.ggml.eom_token_id", UInt32(rest.remove(at: place)))
    }
    for key in ["eot", "eom"] where !contains("tokenizer.ggml.\(key)_token_id") {
      if let token = rest.popFirst() { set("tokenizer.ggml.\(key)_token_id", UInt32(token)) }
    }
    if !rest.isEmpty {
      notes.append(
        "\(rest.count) of the tokens that end a text have no place in a GGUF file: "
          + rest.map(text).joined(separator: ", "))
    }
  }
}
