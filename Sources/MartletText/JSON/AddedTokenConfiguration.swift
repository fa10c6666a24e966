/// One of the `added_tokens` of a `tokenizer.json`, or of the tokens that a `tokenizer_config.json` has more.
struct AddedTokenConfiguration: Sendable {
  var content: String
  var id: Int32
  var isSpecial = true
  var isNormalized = false
  var isSingleWord = false
  var stripsLeft = false
  var stripsRight = false

  /// A token that only begins or ends texts.
  init(special content: String, id: Int32) {
    self.content = content
    self.id = id
  }

  private init(_ node: JSONNode, id: Int32) throws(TextError) {
    content = try node["content"].string()
    self.id = id
    isSpecial = try node.bool("special", or: false)
    isNormalized = try node.bool("normalized", or: !isSpecial)
    isSingleWord = try node.bool("single_word", or: false)
    stripsLeft = try node.bool("lstrip", or: false)
    stripsRight = try node.bool("rstrip", or: false)
  }

  /// All added tokens: those of `node`, with the flags of the configuration's `added_tokens_decoder` where it has them, as
  /// transformers does.
  /// - Parameter find: The id of a token of the model.
  static func all(
    _ node: JSONNode?, _ configuration: JSONNode?, find: (String) -> Int32?
  ) throws(TextError) -> [AddedTokenConfiguration] {
    var tokens: [AddedTokenConfiguration] = []
    var places: [String: Int] = [:]
    for element in try node?.elements() ?? [] {
      let id = try element["id"]
      let token = try AddedTokenConfiguration(element, id: try id.tokenID())
      if token.content.isEmpty { continue }
      if let known = find(token.content), known != token.id {
        throw id.unsupported("\(known), the id of \"\(token.content)\" in the vocabulary")
      }
      if let place = places[token.content] {
        tokens[place] = token
      } else {
        places[token.content] = tokens.count
        tokens.append(token)
      }
    }
    for (key, element) in try configuration?.optional("added_tokens_decoder")?.members() ?? [] {
      guard let id = Int32(key), id >= 0 else { throw element.unsupported("a token id as its key") }
      var token = try AddedTokenConfiguration(element, id: id)
      if token.content.isEmpty { continue }
      if let place = places[token.content] {
        token.id = tokens[place].id
        tokens[place] = token
      } else {
        token.id = find(token.content) ?? id
        places[token.content] = tokens.count
        tokens.append(token)
      }
    }
    return tokens
  }
}
