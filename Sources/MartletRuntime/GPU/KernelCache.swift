internal import Glibc

/// Compiled kernels on disk, so that only the first start of a version on a kind of device compiles.
///
/// Any number of processes may use a folder at once: a file is written under a name of its own, then renamed, so that it
/// is there as a whole or not at all, and who comes second replaces it with the same bytes. A file that does not carry its
/// own length and fingerprint is as good as none.
package struct KernelCache: Sendable {
  /// Where files lie; nil keeps nothing.
  package let folder: String?

  /// - Parameter folder: `$MARTLET_CACHE/kernels`, `$XDG_CACHE_HOME/martlet/kernels` or `~/.cache/martlet/kernels`
  ///   unless given.
  package init(folder: String? = KernelCache.defaultFolder) { self.folder = folder }

  package static var defaultFolder: String? {
    let environment = VendorLibrary.environment
    let caches = environment("XDG_CACHE_HOME") ?? environment("HOME").map { $0 + "/.cache" }
    return (environment("MARTLET_CACHE") ?? caches.map { $0 + "/martlet" }).map { $0 + "/kernels" }
  }

  private static let magic = Array("martlet kernel 1\n".utf8)
  private static let headerBytes = magic.count + 32 + 8

  /// The image of a name, or nil.
  package func image(named name: String) -> [UInt8]? {
    guard let folder else { return nil }
    let descriptor = Glibc.open("\(folder)/\(name)", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_size >= Self.headerBytes, status.st_size < 1 << 30 else {
      return nil
    }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var filled = 0
    while filled < bytes.count {
      let count = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress! + filled, $0.count - filled) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return nil }
      filled += count
    }
    let image = Array(bytes[Self.headerBytes...])
    return bytes.starts(with: Self.header(of: image)) ? image : nil
  }

  /// Keeps an image.
  /// - Returns: why it could not be kept, which costs the next start its time and nothing else; nil if it is.
  @discardableResult
  package func store(_ image: [UInt8], named name: String) -> String? {
    guard let folder else { return "no folder: neither MARTLET_CACHE, XDG_CACHE_HOME nor HOME is set" }
    if let failure = Self.makeFolder(folder) { return failure }
    let path = "\(folder)/\(name)"
    let temporary = "\(path).\(getpid()).\(UInt64.random(in: 0 ... .max))"
    let descriptor = Glibc.open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { return "\(temporary): \(String(cString: strerror(errno)))" }
    let isWritten = Self.write(Self.header(of: image) + image, to: descriptor) && fsync(descriptor) == 0
    let failure = errno
    close(descriptor)
    guard isWritten, rename(temporary, path) == 0 else {
      let reason = String(cString: strerror(isWritten ? errno : failure))
      unlink(temporary)
      return "\(path): \(reason)"
    }
    return nil
  }

  /// Why nothing can be kept in the folder; nil if something can.
  package func problem() -> String? {
    guard let folder else { return "no folder: neither MARTLET_CACHE, XDG_CACHE_HOME nor HOME is set" }
    if let failure = Self.makeFolder(folder) { return failure }
    return access(folder, W_OK) == 0 ? nil : "\(folder): \(String(cString: strerror(errno)))"
  }

  private static func header(of image: [UInt8]) -> [UInt8] {
    var fingerprint = Fingerprint()
    fingerprint.append(image)
    let length = (0..<8).map { UInt8(truncatingIfNeeded: image.count >> (8 * $0)) }
    return magic + Array(fingerprint.text.utf8) + length
  }

  /// Makes a folder and those above it; returns what went wrong.
  private static func makeFolder(_ path: String) -> String? {
    if mkdir(path, 0o755) == 0 || errno == EEXIST { return nil }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
      return "\(path): \(String(cString: strerror(errno)))"
    }
    if let failure = makeFolder(String(path[..<slash])) { return failure }
    return mkdir(path, 0o755) == 0 || errno == EEXIST ? nil : "\(path): \(String(cString: strerror(errno)))"
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + written, $0.count - written) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      written += count
    }
    return true
  }
}
