internal import Glibc

/// What a download does to the file system, where it can fail for want of room. Tests put a full disk here.
package struct Disk: Sendable {
  /// Writes some of the bytes at an offset of a file: how many, or nil with the reason (`errno`).
  package var write: @Sendable (_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, _ offset: Int) -> Result
  /// How many bytes there is room for in a folder, or nil if that cannot be said.
  package var freeBytes: @Sendable (_ folder: String) -> Int?

  package enum Result: Sendable {
    case written(Int)
    case failed(errno: Int32)
  }

  package init(
    write: @escaping @Sendable (Int32, UnsafeRawBufferPointer, Int) -> Result = Disk.systemWrite,
    freeBytes: @escaping @Sendable (String) -> Int? = Disk.systemFreeBytes
  ) {
    self.write = write
    self.freeBytes = freeBytes
  }

  package static let systemWrite: @Sendable (Int32, UnsafeRawBufferPointer, Int) -> Result = {
    descriptor, bytes, offset in
    let count = pwrite(descriptor, bytes.baseAddress, bytes.count, offset)
    return count < 0 ? .failed(errno: errno) : .written(count)
  }

  package static let systemFreeBytes: @Sendable (String) -> Int? = { folder in
    var status = statvfs()
    guard statvfs(folder, &status) == 0 else { return nil }
    let (bytes, overflow) = UInt64(status.f_bavail).multipliedReportingOverflow(by: UInt64(status.f_frsize))
    return overflow ? Int.max : Int(clamping: bytes)
  }

  /// An error of the file system in words.
  static func failure(_ action: String, _ path: String, _ code: Int32 = errno) -> HubError {
    HubError(code: .inputOutput, message: "\(path) cannot be \(action): \(String(cString: strerror(code)))")
  }
}

extension FileSystem {
  /// Makes a folder and those on the way to it.
  static func makeFolder(_ path: String) throws(HubError) {
    guard !isFolder(path) else { return }
    if let slash = path.lastIndex(of: "/"), slash > path.startIndex { try makeFolder(String(path[..<slash])) }
    // Another process may have made it meanwhile.
    guard mkdir(path, 0o777) == 0 || errno == EEXIST else { throw Disk.failure("made", path) }
    guard isFolder(path) else { throw Disk.failure("made", path, ENOTDIR) }
  }

  /// Moves a file to another name in one step, over what has that name.
  static func rename(_ old: String, to new: String) throws(HubError) {
    guard Glibc.rename(old, new) == 0 else { throw Disk.failure("renamed to \(new)", old) }
  }

  /// Gives a file that was made for it its name. If that fails, nothing is left.
  private static func place(_ temporary: String, at path: String) throws(HubError) {
    guard Glibc.rename(temporary, path) == 0 else {
      let code = errno
      unlink(temporary)
      throw Disk.failure("written", path, code)
    }
  }

  /// Writes a small file in one step: whoever reads it sees the old contents or the new ones.
  static func write(_ text: String, to path: String) throws(HubError) {
    let temporary = path + ".\(getpid())-\(UInt32.random(in: 0 ... .max)).tmp"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw Disk.failure("written", path) }
    var text = text
    let code: Int32 = text.withUTF8 { bytes in
      let count = Glibc.write(descriptor, bytes.baseAddress, bytes.count)
      return count == bytes.count ? 0 : count < 0 ? errno : ENOSPC
    }
    close(descriptor)
    guard code == 0 else {
      unlink(temporary)
      throw Disk.failure("written", path, code)
    }
    try place(temporary, at: path)
  }

  /// Makes a symbolic link in one step, over what has its name.
  static func link(_ path: String, to target: String) throws(HubError) {
    guard linkTarget(path) != target else { return }
    let temporary = path + ".\(getpid())-\(UInt32.random(in: 0 ... .max)).tmp"
    guard symlink(target, temporary) == 0 else { throw Disk.failure("linked", path) }
    try place(temporary, at: path)
  }

  /// What a symbolic link says, or nil if it is none.
  static func linkTarget(_ path: String) -> String? {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = buffer.withUnsafeMutableBytes { bytes in
      bytes.withMemoryRebound(to: CChar.self) { $0.baseAddress.map { readlink(path, $0, bytes.count) } ?? -1 }
    }
    return count < 0 ? nil : String(decoding: buffer[..<count], as: UTF8.self)
  }
}
