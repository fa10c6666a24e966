internal import MartletRuntime

/// Why a GGUF file, or something asked of one, was refused.
///
/// The text names the file, the thing, the number found and what was expected, and where in the file it stands.
package struct GGUFError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What the caller may want to act on.
  package enum Kind: Sendable, Equatable {
    /// There is no file at this path.
    case fileNotFound
    /// There is something, but it cannot be read as a file: a folder, no permission.
    case unreadable
    /// The file breaks the format's rules: cut off, damaged, hostile, or no GGUF file at all.
    case malformed
    /// The file keeps the rules but needs what Martlet does not do.
    case unsupported
    /// A key or a tensor that the model needs is not in the file.
    case missing
    /// A key is there with a value of another type.
    case wrongType
  }

  package let kind: Kind
  package let path: String
  /// The reason in words, without path and offset.
  package let message: String
  /// The byte of the file where the trouble is, if it has one place.
  package let offset: Int?

  package init(_ kind: Kind, path: String, _ message: String, offset: Int? = nil) {
    self.kind = kind
    self.path = path
    self.message = message
    self.offset = offset
  }

  init(_ error: MappedFileError) {
    let kind: Kind =
      switch error.kind {
      case .notFound: .fileNotFound
      case .isDirectory, .notRegular, .notReadable: .unreadable
      case .empty: .malformed
      }
    self.init(kind, path: error.path, error.message)
  }

  package var description: String {
    guard let offset else { return "\(path): \(message)" }
    return "\(path): \(message) (at byte \(offset))"
  }
}

/// A name out of a file, made fit for a message: quoted, control characters escaped, cut if very long.
func quoted(_ name: String) -> String {
  let limit = 80
  if name.utf8.count <= limit, name.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return "'\(name)'" }
  var text = "'"
  for scalar in name.unicodeScalars.prefix(limit) {
    text += scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
  }
  return text + (name.unicodeScalars.count > limit ? "…'" : "'")
}
