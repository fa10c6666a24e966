internal import Glibc

/// The few questions to the file system that finding a model needs. Symbolic links are followed: the Hugging Face
/// cache is made of them.
enum FileSystem {
  enum Kind: Equatable {
    case file(size: Int)
    case folder
    case other
  }

  /// What is at `path`, or nil if nothing is or it cannot be looked at.
  static func kind(_ path: String) -> Kind? {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return .file(size: Int(status.st_size))
    case S_IFDIR: return .folder
    default: return .other
    }
  }

  static func isFile(_ path: String) -> Bool {
    if case .file = kind(path) { true } else { false }
  }

  static func isFolder(_ path: String) -> Bool { kind(path) == .folder }

  /// The names in a folder without `.` and `..`, sorted; none if it cannot be read.
  static func names(in folder: String) -> [String] {
    guard let stream = opendir(folder), let nameOffset = MemoryLayout<dirent>.offset(of: \.d_name) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      // By address: the kernel's entries may be shorter than the struct, whose copy would read beyond them.
      let bytes = UnsafeRawPointer(entry).advanced(by: nameOffset).assumingMemoryBound(to: CChar.self)
      let name = String(cString: bytes)
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// The first `limit` bytes of a file, or nil if it cannot be read.
  static func start(of path: String, limit: Int) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      count = max(0, read(descriptor, buffer.baseAddress, limit))
    }
  }

  /// Removes a file, if there is one.
  static func remove(_ path: String) { unlink(path) }
}
