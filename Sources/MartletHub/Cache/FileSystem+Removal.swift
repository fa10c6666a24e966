internal import Glibc
internal import MartletRuntime

extension FileSystem {
  /// What something is by itself, where ``kind(_:)`` tells what a link leads to.
  enum OwnKind: Equatable {
    case file(size: Int)
    case folder, link, other
  }

  static func ownKind(_ path: String) -> OwnKind? { ownKind(Array(path.utf8CString)) }

  /// - Parameter path: its bytes, ended by a zero.
  private static func ownKind(_ path: [CChar]) -> OwnKind? {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return .file(size: Int(status.st_size))
    case S_IFDIR: return .folder
    case S_IFLNK: return .link
    default: return .other
    }
  }

  /// Whether two paths lead to one and the same.
  static func isSame(_ a: String, _ b: String) -> Bool {
    var (first, second) = (stat(), stat())
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev
      && first.st_ino == second.st_ino
  }

  /// Removes a file, a link or a folder with all that is in it. Links are removed, never followed.
  /// - Returns: the bytes of the files among it.
  /// - Throws: `HubError` at the first that cannot be removed.
  @discardableResult
  static func removeTree(_ path: String) throws(HubError) -> Int { try removeTree(Array(path.utf8CString)) }

  private static func removeTree(_ path: [CChar]) throws(HubError) -> Int {
    func failure() -> HubError {
      let code = errno
      return Disk.failure("removed", Directory.text(path), code)
    }
    var bytes = 0
    switch ownKind(path) {
    case .folder:
      for name in Directory.entries(in: path) {
        bytes += try removeTree(Array(path.dropLast()) + "/".utf8CString.dropLast() + name)
      }
      guard rmdir(path) == 0 else { throw failure() }
    case .file(let size):
      bytes = size
      fallthrough
    case .link, .other:
      guard unlink(path) == 0 else { throw failure() }
    case nil: break
    }
    return bytes
  }
}
