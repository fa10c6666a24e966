/// A `tokenizer.json` as read: the vocabulary in flat tables, everything small as trees.
struct TokenizerDocument: Sendable {
  var addedTokens: JSONNode?
  var normalizer: JSONNode?
  var preTokenizer: JSONNode?
  var postProcessor: JSONNode?
  var decoder: JSONNode?
  var model = ModelDocument()

  /// Reads `bytes`.
  ///
  /// `truncation` and `padding` are for batches of training data; transformers sets them aside too.
  init(_ bytes: UnsafeBufferPointer<UInt8>) throws(TextError) {
    var reader = try JSONReader(bytes, file: TokenizerFiles.tokenizerName)
    var isFirst = true
    var hasModel = false
    try reader.beginObject()
    while let key = try reader.nextKey(&isFirst) {
      let name = String(decoding: key, as: UTF8.self)
      switch name {
      case "model":
        model = try ModelDocument(&reader)
        hasModel = true
      case "added_tokens": addedTokens = try Self.node(&reader, name)
      case "normalizer": normalizer = try Self.node(&reader, name)
      case "pre_tokenizer": preTokenizer = try Self.node(&reader, name)
      case "post_processor": postProcessor = try Self.node(&reader, name)
      case "decoder": decoder = try Self.node(&reader, name)
      case "version", "truncation", "padding": _ = try reader.value()
      default:
        throw .unsupportedField(
          field: "\(TokenizerFiles.tokenizerName): \(name)", found: "there", expected: "no field of this name")
      }
    }
    try reader.end()
    if !hasModel {
      throw .unsupportedField(field: "\(TokenizerFiles.tokenizerName): model", found: "nothing", expected: "an object")
    }
  }

  /// The next value, nil for null.
  fileprivate static func node(_ reader: inout JSONReader, _ name: String) throws(TextError) -> JSONNode? {
    let value = try reader.value()
    if case .null = value { return nil }
    return JSONNode(value: value, path: "\(TokenizerFiles.tokenizerName): \(name)")
  }
}

/// The `model` of a `tokenizer.json`.
struct ModelDocument: Sendable {
  /// The byte between the two tokens of a merge: none of UTF-8, because tokens may have spaces.
  static let mergeSeparator: UInt8 = 0xFF

  /// The fields other than those below.
  private(set) var fields: [(key: String, node: JSONNode)] = []
  /// The tokens by id. An id that the file leaves out has an empty one.
  private(set) var tokens = ByteStringTable()
  /// For each id whether the file has it; empty if it has all.
  private(set) var isPresent: [Bool] = []
  /// The scores of a Unigram model, else empty.
  private(set) var scores: [Double] = []
  private(set) var isUnigram = false
  private(set) var merges = ByteStringTable()

  fileprivate init() {}

  fileprivate init(_ reader: inout JSONReader) throws(TextError) {
    var isFirst = true
    try reader.beginObject()
    while let key = try reader.nextKey(&isFirst) {
      let name = String(decoding: key, as: UTF8.self)
      switch (name, try reader.kind()) {
      case ("vocab", .object): try readVocabulary(&reader)
      case ("vocab", .array): try readScoredVocabulary(&reader)
      case ("merges", .array): try readMerges(&reader)
      default:
        let value = try reader.value()
        if case .null = value { continue }
        fields.append((name, JSONNode(value: value, path: "\(TokenizerFiles.tokenizerName): model.\(name)")))
      }
    }
  }

  /// `{"token": id, …}`.
  private mutating func readVocabulary(_ reader: inout JSONReader) throws(TextError) {
    var inOrder = ByteStringTable()
    let room = reader.count - reader.index
    inOrder.reserveCapacity(strings: room / 64, bytes: room / 8)
    var ids: [Int] = []
    ids.reserveCapacity(room / 64)
    var isAscending = true
    var isFirst = true
    try reader.beginObject()
    while let token = try reader.nextKey(&isFirst) {
      try inOrder.append(UnsafeRawBufferPointer(token))
      let id = try reader.integer()
      if id != ids.count { isAscending = false }
      ids.append(id)
    }
    if isAscending { tokens = inOrder } else { try place(inOrder, ids) }
  }

  /// Puts the tokens of a vocabulary whose ids do not ascend by one where they belong.
  private mutating func place(_ inOrder: ByteStringTable, _ ids: [Int]) throws(TextError) {
    // A sound file leaves few ids out; a hostile one must not make a table of billions.
    let limit = 4 * ids.count + 1 << 16
    let last = ids.max() ?? -1
    guard last < limit, ids.allSatisfy({ $0 >= 0 }) else {
      throw .invalidVocabulary(reason: "ids of \(ids.count) tokens reach from \(ids.min() ?? 0) to \(last)")
    }
    let count = last + 1
    var places = [Int](repeating: -1, count: count)
    for (place, id) in ids.enumerated() {
      if places[id] >= 0 {
        throw .invalidVocabulary(
          reason: "\"\(inOrder.string(at: places[id]))\" and \"\(inOrder.string(at: place))\" are both token \(id)")
      }
      places[id] = place
    }
    isPresent = places.map { $0 >= 0 }
    tokens.reserveCapacity(strings: count, bytes: inOrder.bytes.count)
    for place in places {
      if place >= 0 { try tokens.append(inOrder[place]) } else { try tokens.append([]) }
    }
  }

  /// `[["token", score], …]`.
  private mutating func readScoredVocabulary(_ reader: inout JSONReader) throws(TextError) {
    isUnigram = true
    var isFirst = true
    try reader.beginArray()
    while try reader.nextElement(&isFirst) {
      var isFirstOfPair = true
      try reader.beginArray()
      guard try reader.nextElement(&isFirstOfPair) else { throw reader.failure("has an empty pair in model.vocab") }
      try tokens.append(UnsafeRawBufferPointer(try reader.string()))
      guard try reader.nextElement(&isFirstOfPair) else { throw reader.failure("lacks a score in model.vocab") }
      scores.append(try reader.number())
      if try reader.nextElement(&isFirstOfPair) { throw reader.failure("has more than a pair in model.vocab") }
    }
  }

  /// `["a b", …]` or `[["a", "b"], …]`.
  private mutating func readMerges(_ reader: inout JSONReader) throws(TextError) {
    let room = reader.count - reader.index
    merges.reserveCapacity(strings: room / 24, bytes: room / 2)
    var merge: [UInt8] = []
    var isFirst = true
    try reader.beginArray()
    while try reader.nextElement(&isFirst) {
      merge.removeAll(keepingCapacity: true)
      if try reader.kind() == .string {
        merge.append(contentsOf: try reader.string())
        guard let space = merge.firstIndex(of: 0x20), !merge[(space + 1)...].contains(0x20) else {
          throw .invalidMerge(
            index: merges.count, text: String(decoding: merge, as: UTF8.self),
            reason: "is not two tokens of the vocabulary")
        }
        merge[space] = Self.mergeSeparator
      } else {
        var isFirstOfPair = true
        try reader.beginArray()
        guard try reader.nextElement(&isFirstOfPair) else { throw reader.failure("has an empty pair in model.merges") }
        merge.append(contentsOf: try reader.string())
        merge.append(Self.mergeSeparator)
        guard try reader.nextElement(&isFirstOfPair) else { throw reader.failure("has half a pair in model.merges") }
        merge.append(contentsOf: try reader.string())
        if try reader.nextElement(&isFirstOfPair) { throw reader.failure("has more than a pair in model.merges") }
      }
      try merges.append(merge)
    }
  }
}
