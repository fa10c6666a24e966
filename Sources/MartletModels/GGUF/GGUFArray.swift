internal import MartletRuntime

/// A metadata array as a view on the mapped file. Nothing is copied: elements are read when they are asked for.
///
/// The array was walked with checks when the file was opened. Elements of strings and of arrays have no fixed size;
/// where every 32nd begins was noted on the way, so an element is found in a few steps and the notes stay small
/// against the file. Another process may overwrite the file under the map, so reads are still bounded by the array's
/// end: they may then give wrong elements, but never memory outside the array.
package struct GGUFArray: Sendable, RandomAccessCollection {
  package let elementType: GGUFValueType
  package let count: Int
  let file: MappedFile
  /// Where the elements are.
  let range: Range<Int>
  /// Where the elements 0, 32, 64, … begin; empty for elements of a fixed size.
  private let checkpoints: [Int]

  private static let stride = 32
  /// Arrays of arrays of arrays are as deep as anything sensible goes; the limit keeps recursion bounded.
  private static let depthLimit = 4

  package var startIndex: Int { 0 }
  package var endIndex: Int { count }

  /// Reads the head of an array and walks over its elements, leaving the cursor behind them.
  init(_ cursor: inout GGUFCursor, _ what: String, depth: Int = 1) throws(GGUFError) {
    guard depth <= Self.depthLimit else {
      throw cursor.failure("\(what) nests arrays more than \(Self.depthLimit) deep")
    }
    elementType = try GGUFValueType(&cursor, "the element type of \(what)")
    count = try cursor.count(of: "elements of \(what)", minimumBytes: elementType.minimumSize)
    file = cursor.file

    let first = cursor.offset
    var checkpoints: [Int] = []
    switch elementType {
    case .string:
      checkpoints.reserveCapacity(count / Self.stride + 1)
      let (end, walked) = Self.walkStrings(cursor, count, &checkpoints)
      guard walked == count else {
        throw cursor.failure(
          "string \(walked) of the \(count) in \(what) runs beyond the end of the file", at: end)
      }
      try cursor.skip(end - first, what)
    case .array:
      for index in 0..<count {
        if index % Self.stride == 0 { checkpoints.append(cursor.offset) }
        _ = try GGUFArray(&cursor, what, depth: depth + 1)
      }
    case .bool:
      let flags = cursor.file.bytes[first..<first + count]
      if let wrong = flags.firstIndex(where: { $0 > 1 }) {
        throw cursor.failure("element \(wrong - first) of \(what) is no bool: \(flags[wrong])", at: wrong)
      }
      try cursor.skip(count, what)
    default:
      // The count is at most the bytes that are left over the element's size: the product cannot overflow.
      try cursor.skip(count * elementType.minimumSize, what)
    }
    range = first..<cursor.offset
    self.checkpoints = checkpoints
  }

  /// An array without elements, at the end of the file.
  private init(emptyIn file: MappedFile) {
    elementType = .uint8
    count = 0
    self.file = file
    range = file.count..<file.count
    checkpoints = []
  }

  /// Steps over `count` strings. Returns where it stopped and how many were whole.
  private static func walkStrings(
    _ cursor: GGUFCursor, _ count: Int, _ checkpoints: inout [Int]
  ) -> (offset: Int, walked: Int) {
    // Vocabularies have hundreds of thousands of entries: one loop on the raw bytes keeps opening a matter of
    // milliseconds.
    let bytes = cursor.file.bytes
    var offset = cursor.offset
    for index in 0..<count {
      if index % stride == 0 { checkpoints.append(offset) }
      guard bytes.count - offset >= 8 else { return (offset, index) }
      let length = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      guard length <= UInt64(bytes.count - offset - 8) else { return (offset, index) }
      offset += 8 + Int(length)
    }
    return (offset, count)
  }

  /// The element at `index`, which must be in `0..<count`.
  package subscript(index: Int) -> GGUFValue {
    precondition(index >= 0 && index < count, "element \(index) of a GGUF array of \(count)")
    switch elementType {
    case .uint8: return .uint8(load(index))
    case .int8: return .int8(load(index))
    case .uint16: return .uint16(load(index))
    case .int16: return .int16(load(index))
    case .uint32: return .uint32(load(index))
    case .int32: return .int32(load(index))
    case .uint64: return .uint64(load(index))
    case .int64: return .int64(load(index))
    case .float32: return .float32(load(index))
    case .float64: return .float64(load(index))
    case .bool: return .bool(load(index) as UInt8 != 0)
    case .string: return .string(GGUFString(file: file, range: stringRange(at: index)))
    case .array:
      var cursor = GGUFCursor(file, offset: checkpoints[index / Self.stride])
      var element = GGUFArray(emptyIn: file)
      for _ in 0...index % Self.stride {
        // It was walked before; only a file that changes under the map fails here, and then there is no element.
        guard let next = try? GGUFArray(&cursor, "a nested array") else { return .array(GGUFArray(emptyIn: file)) }
        element = next
      }
      return .array(element)
    }
  }

  private func load<T: GGUFNumber>(_ index: Int) -> T {
    file.bytes.loadUnaligned(fromByteOffset: range.lowerBound + index * MemoryLayout<T>.size, as: T.self)
  }

  /// Where the bytes of the string whose length stands at `offset` are, never beyond the array.
  private func string(at offset: Int) -> Range<Int> {
    let end = range.upperBound
    guard end - offset >= 8 else { return end..<end }
    let length = file.bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    return offset + 8..<offset + 8 + Int(Swift.min(length, UInt64(end - offset - 8)))
  }

  private func stringRange(at index: Int) -> Range<Int> {
    var range = string(at: checkpoints[index / Self.stride])
    for _ in 0..<index % Self.stride { range = string(at: range.upperBound) }
    return range
  }

  /// Calls `body` with the bytes of the string at `index` (in `0..<count`), which are valid during the call only.
  /// The array must be one of strings.
  package func withString<Result, Failure: Error>(
    at index: Int, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(elementType == .string, "an array of \(elementType.name) is read as strings")
    precondition(index >= 0 && index < count, "string \(index) of a GGUF array of \(count)")
    return try body(UnsafeRawBufferPointer(rebasing: file.bytes[stringRange(at: index)]))
  }

  /// Calls `body` with each string's index and bytes in order; the bytes are valid during the call only. This is the
  /// quick way over a vocabulary. The array must be one of strings.
  package func forEachString<Failure: Error>(
    _ body: (_ index: Int, _ bytes: UnsafeRawBufferPointer) throws(Failure) -> Void
  ) throws(Failure) {
    precondition(elementType == .string, "an array of \(elementType.name) is read as strings")
    var offset = range.lowerBound
    for index in 0..<count {
      let string = string(at: offset)
      try body(index, UnsafeRawBufferPointer(rebasing: file.bytes[string]))
      offset = string.upperBound
    }
  }

  /// The elements as numbers of exactly the type `T`, or nil if the array's type is another.
  package func numbers<T: GGUFNumber>(as type: T.Type) -> GGUFNumbers<T>? {
    guard elementType == T.valueType else { return nil }
    return GGUFNumbers(file: file, start: range.lowerBound, count: count)
  }
}

/// The numbers of a metadata array, read from the mapped file when they are asked for.
package struct GGUFNumbers<Element: GGUFNumber>: Sendable, RandomAccessCollection {
  let file: MappedFile
  let start: Int
  package let count: Int

  package var startIndex: Int { 0 }
  package var endIndex: Int { count }

  package subscript(index: Int) -> Element {
    precondition(index >= 0 && index < count, "number \(index) of a GGUF array of \(count)")
    return file.bytes.loadUnaligned(fromByteOffset: start + index * MemoryLayout<Element>.size, as: Element.self)
  }
}

extension GGUFValueType {
  /// Reads the number of a value type.
  init(_ cursor: inout GGUFCursor, _ what: @autoclosure () -> String) throws(GGUFError) {
    let start = cursor.offset
    let number = try cursor.number(UInt32.self, what())
    guard let type = GGUFValueType(rawValue: number) else {
      throw cursor.failure("\(what()) is \(number), which is no value type (0 to 12)", at: start)
    }
    self = type
  }
}
