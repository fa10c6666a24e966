internal import Glibc

/// A file that is being fetched: what is there of it, and the hash of that.
struct PartialFile: ~Copyable {
  private let descriptor: Int32
  private let path: String
  private let expected: Int
  private let hash: ContentHash
  private let disk: Disk
  private var calculation: ContentHash.Calculation
  /// How many bytes are here.
  private(set) var size = 0

  /// Opens what an earlier attempt left at `path`, or begins.
  /// - Parameters:
  ///   - expected: how many bytes it will have.
  ///   - hash: what they will hash to.
  ///   - onRead: called with the bytes that were read so far of what is there, which takes a while for gigabytes.
  /// - Throws: `HubError` if the file cannot be opened or read, `CancellationError`.
  static func open(
    _ path: String, expected: Int, hash: ContentHash, disk: Disk, onRead: (Int) -> Void
  ) throws -> PartialFile {
    // Not through a link: the file is ours, and it will be written to.
    let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o666)
    guard descriptor >= 0 else { throw Disk.failure("opened", path) }
    var file = PartialFile(descriptor: descriptor, path: path, expected: expected, hash: hash, disk: disk)
    try file.readRest(onRead)
    return file
  }

  private init(descriptor: Int32, path: String, expected: Int, hash: ContentHash, disk: Disk) {
    self.descriptor = descriptor
    self.path = path
    self.expected = expected
    self.hash = hash
    self.disk = disk
    calculation = ContentHash.Calculation(like: hash, size: expected)
  }

  deinit { close(descriptor) }

  /// Hashes what is in the file already. More than there should be is of no use.
  private mutating func readRest(_ onRead: (Int) -> Void) throws {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      try Task.checkCancellation()
      let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(size))
      guard count >= 0 else { throw Disk.failure("read", path) }
      guard count > 0 else { return }
      guard count <= expected - size else { return try restart() }
      calculation.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      size += count
      onRead(size)
    }
  }

  /// Throws away what is there.
  mutating func restart() throws(HubError) {
    guard ftruncate(descriptor, 0) == 0 else { throw Disk.failure("emptied", path) }
    size = 0
    calculation = ContentHash.Calculation(like: hash, size: expected)
  }

  /// Adds bytes at the end.
  /// - Throws: `HubError` if the disk has no room: what was added before stays.
  mutating func append(_ bytes: UnsafeRawBufferPointer) throws(HubError) {
    var rest = bytes
    while !rest.isEmpty {
      switch disk.write(descriptor, rest, size) {
      case .written(let count) where count > 0:
        calculation.update(UnsafeRawBufferPointer(rebasing: rest[..<count]))
        size += count
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      case .written: throw failure(ENOSPC)
      case .failed(EINTR): continue
      case .failed(let code): throw failure(code)
      }
    }
  }

  /// The hash of what is here.
  var digest: String { calculation.finish() }

  /// Brings the contents to the disk, so that a name given to them afterwards never stands for less.
  func synchronize() throws(HubError) {
    guard fsync(descriptor) == 0 else { throw failure(errno) }
  }

  private func failure(_ code: Int32) -> HubError {
    let missing = ByteCount.text(expected - size)
    let remedy = "what was fetched stays, and the same command goes on from there"
    switch code {
    case ENOSPC, EDQUOT:
      let free = disk.freeBytes(path).map { ", and \(ByteCount.text($0)) are free" } ?? ""
      let cause = code == ENOSPC ? "the disk is full" : "the disk quota is used up"
      return HubError(
        code: .inputOutput, message: "\(cause): \(path) needs \(missing) more\(free); make room, \(remedy)")
    case EFBIG:
      return HubError(
        code: .inputOutput,
        message: "\(path) needs \(missing) more than files may have here (see 'ulimit -f'); \(remedy)")
    default: return Disk.failure("written", path, code)
    }
  }
}
