import MartletRuntime

/// A reading position in a mapped GGUF file. Every read is checked against the end of the file, in release builds too.
struct GGUFCursor {
  let file: MappedFile
  private(set) var offset: Int

  init(_ file: MappedFile, offset: Int = 0) {
    self.file = file
    self.offset = offset
  }

  /// Bytes between the position and the end of the file.
  var remaining: Int { file.count - offset }

  /// An error about what stands at `offset`, or at the position.
  func failure(_ message: String, kind: GGUFError.Kind = .malformed, at offset: Int? = nil) -> GGUFError {
    GGUFError(kind, path: file.path, message, offset: offset ?? self.offset)
  }

  /// Reads one number and moves past it. `what` completes the sentence "… is cut off".
  mutating func number<T: GGUFNumber>(_ type: T.Type, _ what: @autoclosure () -> String) throws(GGUFError) -> T {
    let size = MemoryLayout<T>.size
    guard remaining >= size else {
      throw failure("the file ends inside \(what()): \(size) bytes are needed, \(remaining) are left")
    }
    let value = file.bytes.loadUnaligned(fromByteOffset: offset, as: T.self)
    offset += size
    return value
  }

  /// Moves past `count` bytes.
  mutating func skip(_ count: Int, _ what: @autoclosure () -> String) throws(GGUFError) {
    guard count >= 0, count <= remaining else {
      throw failure("the file ends inside \(what()): \(count) bytes are needed, \(remaining) are left")
    }
    offset += count
  }

  /// Reads a 64-bit count of things that take at least `minimumBytes` each. What the rest of the file cannot hold is
  /// refused here, so that no later allocation follows a number that the file only claims.
  mutating func count(of things: String, minimumBytes: Int, limit: Int = .max) throws(GGUFError) -> Int {
    let start = offset
    let claimed = try number(UInt64.self, "the number of \(things)")
    let fits = remaining / minimumBytes
    guard claimed <= UInt64(fits) else {
      throw failure(
        "\(claimed) \(things) are announced, but the \(remaining) bytes that follow hold at most \(fits)", at: start)
    }
    guard claimed <= UInt64(limit) else {
      throw failure("\(claimed) \(things) are announced, more than the \(limit) that Martlet accepts", at: start)
    }
    return Int(claimed)
  }

  /// Reads the length of a string, moves past the string and returns where its bytes are.
  mutating func string(_ what: @autoclosure () -> String, limit: Int = .max) throws(GGUFError) -> Range<Int> {
    let start = offset
    let length = try number(UInt64.self, "the length of \(what())")
    guard length <= UInt64(remaining) else {
      throw failure("\(what()) is \(length) bytes long, but only \(remaining) bytes follow", at: start)
    }
    guard length <= UInt64(limit) else {
      throw failure("\(what()) is \(length) bytes long, more than the \(limit) that the format allows", at: start)
    }
    offset += Int(length)
    return offset - Int(length)..<offset
  }

  /// Reads a name: a string that must be UTF-8 and not empty.
  mutating func name(_ what: @autoclosure () -> String, limit: Int) throws(GGUFError) -> String {
    let start = offset
    let range = try string(what(), limit: limit)
    guard !range.isEmpty else { throw failure("\(what()) is empty", at: start) }
    guard let name = String(validating: file.bytes[range], as: UTF8.self) else {
      throw failure("\(what()) is not valid UTF-8", at: start)
    }
    return name
  }
}
