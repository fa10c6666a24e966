/// Token ids as they are made, and a cache of the words met in the same text.
///
/// A text repeats its words, so that most of them need no merging. The cache owns neither keys nor values: both are
/// places, of the word in the text and of its tokens in the output, which stay as they are while a text is encoded. It is
/// direct-mapped; a word that falls on another's place takes it over.
struct TokenBuffer: ~Copyable {
  private struct Entry {
    var hash: UInt64
    var wordStart: Int
    var tokenStart: Int
    var wordLength: Int32
    var tokenCount: Int32
  }

  private(set) var tokens: UnsafeMutablePointer<Int32>
  private(set) var count = 0
  private var capacity: Int
  private let entries: UnsafeMutablePointer<Entry>
  private let mask: Int
  private let seed: UInt64

  /// A buffer for the tokens of a text of `byteCount` bytes.
  init(byteCount: Int) {
    capacity = max(16, byteCount / 3)
    tokens = .allocate(capacity: capacity)
    var entryCount = 16
    while entryCount < 1 << 15 && entryCount < byteCount / 8 { entryCount *= 2 }
    entries = .allocate(capacity: entryCount)
    entries.initialize(
      repeating: Entry(hash: 0, wordStart: 0, tokenStart: 0, wordLength: -1, tokenCount: 0), count: entryCount)
    mask = entryCount - 1
    seed = ByteHash.processSeed
  }

  deinit {
    tokens.deallocate()
    entries.deallocate()
  }

  /// Adds a token.
  @inline(__always)
  mutating func append(_ token: Int32) {
    if count == capacity { grow(by: 1) }
    tokens[count] = token
    count += 1
  }

  /// Adds the tokens of the word at `start` of `text` if it was met before.
  /// - Returns: nil if it was, else what ``remember(_:_:_:hash:tokenStart:)`` wants to be told.
  @inline(__always)
  mutating func appendKnown(_ text: UnsafePointer<UInt8>, _ start: Int, _ length: Int) -> UInt64? {
    let hash = ByteHash.hash(text + start, length, seed: seed)
    let entry = entries[Int(truncatingIfNeeded: hash) & mask]
    guard entry.hash == hash, Int(entry.wordLength) == length,
      ByteHash.isEqual(text + start, text + entry.wordStart, length)
    else { return hash }
    let added = Int(entry.tokenCount)
    if count + added > capacity { grow(by: added) }
    for offset in 0..<added { tokens[count + offset] = tokens[entry.tokenStart + offset] }
    count += added
    return nil
  }

  /// Remembers that the word at `start` of the text gave the tokens from `tokenStart` to the end.
  @inline(__always)
  mutating func remember(_ start: Int, _ length: Int, hash: UInt64, tokenStart: Int) {
    guard let wordLength = Int32(exactly: length), let tokenCount = Int32(exactly: count - tokenStart) else { return }
    entries[Int(truncatingIfNeeded: hash) & mask] = Entry(
      hash: hash, wordStart: start, tokenStart: tokenStart, wordLength: wordLength, tokenCount: tokenCount)
  }

  /// The tokens as an array.
  func array() -> [Int32] { Array(UnsafeBufferPointer(start: tokens, count: count)) }

  private mutating func grow(by added: Int) {
    let larger = UnsafeMutablePointer<Int32>.allocate(capacity: max(2 * capacity, count + added))
    larger.update(from: tokens, count: count)
    tokens.deallocate()
    tokens = larger
    capacity = max(2 * capacity, count + added)
  }
}
