internal import MartletJSON
internal import MartletRuntime

extension CheckpointFolder {
  private var generationConfiguration: JSONValue? {
    get throws {
      let name = "generation_config.json"
      return folder.contains(name) ? try Self.json(folder, name) : nil
    }
  }

  /// The tokens that end a text: `eos_token_id` of `generation_config.json` where it is there, else of `config.json`.
  package func endTokens() throws -> [Int32] {
    var value = configuration["eos_token_id"]
    if let own = try generationConfiguration?["eos_token_id"], own != .null { value = own }
    let ids = value?.array ?? value.map { [$0] } ?? []
    return try ids.filter { $0 != .null }.map { id in
      guard let number = id.integer, let token = Int32(exactly: number), token >= 0 else {
        throw ModelError.invalidConfiguration(
          file: path, field: "eos_token_id", found: id.summary, expected: "a token id or a list of them")
      }
      return token
    }
  }

  /// Fields of `generation_config.json` that make transformers choose other tokens than the most probable ones, in the
  /// file's order. Martlet leaves the choice to the request, so whoever compares the two has to know of them.
  package func unappliedGenerationFields() throws -> [String] {
    let members = try generationConfiguration?.object?.members ?? []
    return members.compactMap { member in
      guard let neutral = Self.choosingFields[member.key], !Self.isOff(member.value, neutral) else { return nil }
      return member.key
    }
  }

  /// The fields with the number that means "off"; nil where every number, as the id of a token, means something.
  private static let choosingFields: [String: Double?] = [
    "bad_words_ids": nil, "begin_suppress_tokens": nil, "diversity_penalty": 0, "encoder_no_repeat_ngram_size": 0,
    "encoder_repetition_penalty": 1, "exponential_decay_length_penalty": nil, "force_words_ids": nil,
    "forced_bos_token_id": nil, "forced_eos_token_id": nil, "guidance_scale": 1, "min_length": 0, "min_new_tokens": 0,
    "no_repeat_ngram_size": 0, "num_beam_groups": 1, "num_beams": 1, "repetition_penalty": 1, "sequence_bias": nil,
    "suppress_tokens": nil, "watermarking_config": nil,
  ]

  private static func isOff(_ value: JSONValue, _ neutral: Double?) -> Bool {
    if value == .null || value.bool == false { return true }
    if let number = value.number { return number == neutral }
    return value.array?.isEmpty ?? value.object?.members.isEmpty ?? false
  }
}
