internal import Glibc
internal import MartletRuntime

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

  /// How many folders deep the files of a repository are looked for.
  static let depthLimit = 16

  /// The paths of the files in a folder, from it on and sorted by folder. Links are followed to files, not to folders.
  /// - Parameter depth: how many folders deep is looked.
  static func files(below folder: String, depth: Int = depthLimit) -> [String] {
    Directory.names(in: folder).flatMap { name -> [String] in
      let path = folder + "/" + name
      guard ownKind(path) == .folder else { return isFile(path) ? [name] : [] }
      return depth == 0 ? [] : files(below: path, depth: depth - 1).map { name + "/" + $0 }
    }
  }

  /// The first `limit` bytes of a file, or nil if it cannot be read.
  static func start(of path: String, limit: Int) -> [UInt8]? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var isRead = true
    let bytes = [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      let length = read(descriptor, buffer.baseAddress, limit)
      isRead = length >= 0
      count = max(0, length)
    }
    return isRead ? bytes : nil
  }

  /// Removes a file, if there is one.
  static func remove(_ path: String) { unlink(path) }
}
