import Glibc
import Martlet

/// Reads whole small files.
enum InputFile {
  /// The bytes of a file, or of standard input for `-`.
  /// - Throws: ``MartletError`` of code `notFound` or `malformedFile`.
  static func read(_ path: String) throws -> [UInt8] {
    let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      let isMissing = errno == ENOENT || errno == ENOTDIR
      throw MartletError(isMissing ? .notFound : .malformedFile, "\(path): \(String(cString: strerror(errno)))")
    }
    defer { if descriptor != STDIN_FILENO { close(descriptor) } }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        throw MartletError(.malformedFile, "\(path): \(String(cString: strerror(errno)))")
      }
      if count == 0 { return bytes }
      bytes += buffer[..<count]
    }
  }

  /// A file that must be UTF-8.
  static func text(_ path: String) throws -> String {
    guard let text = String(validating: try read(path), as: UTF8.self) else {
      throw MartletError(.malformedFile, "\(path) is not UTF-8 text")
    }
    return text
  }

  /// A JSON file with an array of objects.
  static func objects(_ path: String) throws -> TemplateValue {
    let bytes = try read(path)
    let value: TemplateValue
    do {
      value = try TemplateValue(json: bytes)
    } catch {
      throw MartletError(.malformedFile, "\(path): \(error)")
    }
    guard case .array(let elements) = value else {
      throw MartletError(.malformedFile, "\(path) must hold a JSON array of objects; it holds another kind of value")
    }
    for (index, element) in elements.enumerated() {
      guard case .object = element else {
        throw MartletError(.malformedFile, "\(path): element \(index) of the array must be an object")
      }
    }
    return value
  }
}
