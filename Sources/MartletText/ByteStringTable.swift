/// Many byte strings in two flat arrays: no allocation and no reference counting per string, so that a
/// vocabulary of hundreds of thousands of tokens is filled and copied in milliseconds.
public struct ByteStringTable: Sendable, Equatable {
  /// The bytes of all strings, one after the other.
  public private(set) var bytes: [UInt8]
  /// `count + 1` offsets into `bytes`: string `i` is `bytes[offsets[i]..<offsets[i + 1]]`.
  public private(set) var offsets: [UInt32]

  /// An empty table.
  public init() {
    bytes = []
    offsets = [0]
  }

  /// A table of the UTF-8 spelling of `strings`.
  /// - Throws: ``TextError/vocabularyTooLarge(bytes:)``.
  public init(_ strings: some Sequence<String>) throws(TextError) {
    self.init()
    for string in strings { try append(string.utf8) }
  }

  /// A table of strings that lie in `bytes` already, string `i` from `offsets[i]` up to `offsets[i + 1]`.
  /// - Throws: ``TextError/invalidVocabulary(reason:)`` if the offsets do not begin at 0, ascend and end at the end of
  ///   `bytes`.
  public init(bytes: [UInt8], offsets: [UInt32]) throws(TextError) {
    guard offsets.first == 0, offsets.last.map(Int.init) == bytes.count,
      zip(offsets, offsets.dropFirst()).allSatisfy(<=)
    else { throw .invalidVocabulary(reason: "offsets of strings do not ascend from 0 to \(bytes.count)") }
    self.bytes = bytes
    self.offsets = offsets
  }

  /// The number of strings.
  public var count: Int { offsets.count - 1 }

  /// Makes room for `strings` more strings of `bytes` bytes together.
  public mutating func reserveCapacity(strings: Int, bytes byteCount: Int) {
    offsets.reserveCapacity(offsets.count + strings)
    bytes.reserveCapacity(bytes.count + byteCount)
  }

  /// Adds one string at the end.
  /// - Throws: ``TextError/vocabularyTooLarge(bytes:)`` if the table would pass 4 GiB; the table is unchanged then.
  public mutating func append(_ string: some Collection<UInt8>) throws(TextError) {
    let end = bytes.count + string.count
    guard let offset = UInt32(exactly: end) else { throw .vocabularyTooLarge(bytes: end) }
    bytes.append(contentsOf: string)
    offsets.append(offset)
  }

  /// Adds one string at the end, out of memory that the caller owns, such as a mapped file.
  /// - Throws: ``TextError/vocabularyTooLarge(bytes:)`` if the table would pass 4 GiB; the table is unchanged then.
  public mutating func append(_ string: UnsafeRawBufferPointer) throws(TextError) {
    let end = bytes.count + string.count
    guard let offset = UInt32(exactly: end) else { throw .vocabularyTooLarge(bytes: end) }
    bytes.append(contentsOf: string)
    offsets.append(offset)
  }

  /// The bytes of string `index`.
  public subscript(index: Int) -> ArraySlice<UInt8> {
    bytes[Int(offsets[index])..<Int(offsets[index + 1])]
  }

  /// String `index` as text; what is not UTF-8 becomes U+FFFD.
  public func string(at index: Int) -> String { String(decoding: self[index], as: UTF8.self) }
}
