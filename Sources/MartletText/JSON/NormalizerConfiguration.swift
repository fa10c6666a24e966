extension Normalizer {
  /// The steps that `node`, a normalizer of a `tokenizer.json`, asks for.
  static func steps(_ node: JSONNode?) throws(TextError) -> [Normalizer] {
    guard let node else { return [] }
    let type = try node["type"]
    let name = try type.string()
    switch name {
    case "Sequence":
      var steps: [Normalizer] = []
      for child in try node["normalizers"].elements() { steps += try Self.steps(child) }
      return steps
    case "NFC", "NFD", "NFKC", "NFKD":
      return NormalizationForm(rawValue: name).map { [.form($0)] } ?? []
    case "Lowercase": return [.lowercase]
    case "StripAccents": return [.stripAccents]
    case "Strip":
      return [.strip(left: try node["strip_left"].bool(), right: try node["strip_right"].bool())]
    case "Prepend":
      return [.prepend(Array(try node["prepend"].string().utf8))]
    case "Replace":
      let content = Array(try node["content"].string().utf8)
      let pattern = try node["pattern"]
      if let regex = try pattern.optional("Regex") {
        let text = try regex.string()
        guard text == " {2,}" || text == "  +" else { throw regex.unsupported("\" {2,}\" or a String") }
        return [.replaceSpaces(with: content)]
      }
      let text = try pattern["String"]
      let bytes = Array(try text.string().utf8)
      guard !bytes.isEmpty else { throw text.unsupported("a text that is not empty") }
      return [.replace(bytes, with: content)]
    default:
      throw type.unsupported(
        "one of Lowercase, NFC, NFD, NFKC, NFKD, Prepend, Replace, Sequence, Strip, StripAccents")
    }
  }
}
