import Foundation

/// A folder that is gone when the object is.
final class TemporaryFolder: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-hub-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  /// Writes a file, with the folders on the way to it, and returns its path. `size` makes a file of zeroes with holes.
  @discardableResult
  func write(_ name: String, _ text: String = "", size: Int? = nil) throws -> String {
    let url = URL(fileURLWithPath: path).appendingPathComponent(name)
    try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: url)
    if let size {
      let handle = try FileHandle(forWritingTo: url)
      defer { try? handle.close() }
      try handle.truncate(atOffset: UInt64(size))
    }
    return url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
