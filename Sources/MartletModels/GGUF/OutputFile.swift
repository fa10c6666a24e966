internal import Glibc

/// Why a file could not be written.
package struct OutputError: Error, Sendable, Equatable, CustomStringConvertible {
  package enum Kind: Sendable, Equatable {
    /// There is a file of that name, and it was not said to be replaced.
    case exists
    /// The folder is missing or closed, the disk is full.
    case failed
  }

  package let kind: Kind
  package let path: String
  /// The reason in words, to be read after the path.
  package let message: String

  package var description: String { "\(path) \(message)" }
}

/// A file that appears under its name only when it is whole: it is written beside that name, and renamed at the end.
/// What is given up, by an error or otherwise, leaves nothing behind.
struct OutputFile: ~Copyable {
  private let path: String
  private let temporaryPath: String
  private let descriptor: Int32
  private let replaces: Bool
  private var isFinished = false
  /// Bytes written so far.
  private(set) var count = 0

  /// Makes the temporary file.
  /// - Parameter replaces: whether a file of that name may be replaced.
  init(path: String, replaces: Bool) throws(OutputError) {
    try Self.checkTarget(path, replaces)
    let temporaryPath = "\(path).\(getpid()).partial"
    let descriptor = open(temporaryPath, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    if descriptor < 0 { throw Self.failure(path, "cannot be made") }
    self.path = path
    self.temporaryPath = temporaryPath
    self.descriptor = descriptor
    self.replaces = replaces
  }

  deinit {
    close(descriptor)
    if !isFinished { unlink(temporaryPath) }
  }

  private static func checkTarget(_ path: String, _ replaces: Bool) throws(OutputError) {
    var status = stat()
    guard stat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw OutputError(kind: .failed, path: path, message: "cannot be made: it is there and is no file")
    }
    guard replaces else { throw OutputError(kind: .exists, path: path, message: "is already there") }
  }

  private static func failure(_ path: String, _ what: String) -> OutputError {
    OutputError(kind: .failed, path: path, message: "\(what): \(String(cString: strerror(errno)))")
  }

  /// Appends bytes.
  mutating func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = UnsafeRawBufferPointer(rebasing: rest)
      let written = Glibc.write(descriptor, piece.baseAddress, piece.count)
      if written < 0 {
        if errno == EINTR { continue }
        throw Self.failure(path, "cannot be written after \(count) bytes")
      }
      count += written
      rest = rest.dropFirst(written)
    }
  }

  /// Appends bytes.
  mutating func write(_ bytes: [UInt8]) throws(OutputError) {
    // A typed error cannot pass through `withUnsafeBytes` in every toolchain; a result can.
    var failure: OutputError?
    bytes.withUnsafeBytes { bytes in
      do throws(OutputError) { try write(bytes) } catch { failure = error }
    }
    if let failure { throw failure }
  }

  /// Gives the file its name. Some systems tell only now that the disk is full.
  mutating func finish() throws(OutputError) {
    guard fsync(descriptor) == 0 || errno == EINVAL else { throw Self.failure(path, "cannot be written") }
    try Self.checkTarget(path, replaces)
    guard rename(temporaryPath, path) == 0 else { throw Self.failure(path, "cannot be named") }
    isFinished = true
  }
}
