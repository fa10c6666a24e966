/// What the smaller files say: which tokens have a role.
///
/// What a text is put between they do not say: `add_bos_token` and `add_eos_token` steer tokenizers without a
/// `tokenizer.json`, and transformers drops them beside one, where the post-processor counts.
struct SpecialTokenConfiguration {
  let configuration: JSONNode?
  private let specialTokens: JSONNode?
  private let generation: JSONNode?

  init(_ files: TokenizerFiles) throws(TextError) {
    configuration = try Self.parse(files.configuration, TokenizerFiles.configurationName)
    specialTokens = try Self.parse(files.specialTokens, TokenizerFiles.specialTokensName)
    generation = try Self.parse(files.generation, TokenizerFiles.generationName)
  }

  private static func parse(_ bytes: [UInt8]?, _ name: String) throws(TextError) -> JSONNode? {
    guard let bytes else { return nil }
    // A typed error cannot pass through `withUnsafeBufferPointer` in every toolchain; a result can.
    let result = bytes.withUnsafeBufferPointer { buffer -> Result<JSONNode, TextError> in
      do throws(TextError) { return .success(try JSONNode.parse(buffer, file: name)) } catch { return .failure(error) }
    }
    return try result.get()
  }

  /// The content of the token called `name`, such as `bos_token`.
  func content(_ name: String) throws(TextError) -> (text: String, node: JSONNode)? {
    for file in [configuration, specialTokens] {
      guard let node = try file?.optional(name) else { continue }
      if case .object = node.value { return (try node["content"].string(), node) }
      return (try node.string(), node)
    }
    return nil
  }

  /// The ids that end generation, nil if the files do not say.
  func generationEnds() throws(TextError) -> [Int32]? {
    guard let node = try generation?.optional("eos_token_id") else { return nil }
    if case .array = node.value {
      var ids: [Int32] = []
      for element in try node.elements() { ids.append(try element.tokenID()) }
      return ids
    }
    return [try node.tokenID()]
  }
}

/// What the post-processor of a `tokenizer.json` puts before and after a text.
struct PostProcessorConfiguration {
  private(set) var prefix: [Int32] = []
  private(set) var suffix: [Int32] = []

  init(_ node: JSONNode?) throws(TextError) {
    if let node { try read(node) }
  }

  private mutating func read(_ node: JSONNode) throws(TextError) {
    let type = try node["type"]
    switch try type.string() {
    case "Sequence":
      for child in try node["processors"].elements() { try read(child) }
    case "ByteLevel": break  // It moves the offsets of tokens, nothing else.
    case "TemplateProcessing": try readTemplate(node)
    case "RobertaProcessing", "BertProcessing":
      prefix.insert(try Self.token(node["cls"]), at: 0)
      suffix.append(try Self.token(node["sep"]))
    default:
      throw type.unsupported(
        "one of BertProcessing, ByteLevel, RobertaProcessing, Sequence, TemplateProcessing")
    }
  }

  /// The id of `["token", id]`.
  private static func token(_ node: JSONNode) throws(TextError) -> Int32 {
    let pair = try node.elements()
    guard pair.count == 2 else { throw node.unsupported("a token and its id") }
    return try pair[1].tokenID()
  }

  private mutating func readTemplate(_ node: JSONNode) throws(TextError) {
    let template = try node["single"]
    var before: [Int32] = []
    var after: [Int32] = []
    var isAfter = false
    for piece in try template.elements() {
      if let sequence = try piece.optional("Sequence") {
        let id = try sequence["id"]
        guard try id.string() == "A", !isAfter else { throw id.unsupported("A, once") }
        isAfter = true
        continue
      }
      let name = try piece["SpecialToken"]["id"].string()
      for id in try node["special_tokens"][name]["ids"].elements() {
        if isAfter { after.append(try id.tokenID()) } else { before.append(try id.tokenID()) }
      }
    }
    guard isAfter else { throw template.unsupported("a template with the Sequence A") }
    prefix = before + prefix
    suffix += after
  }
}
