/// The name of a repository on the Hugging Face hub: `owner/name`.
///
/// Names keep the hub's rules, so none of them can lead out of the cache folder or be mistaken for another: letters,
/// digits, `-`, `_` and `.`; neither `--` nor `..`; each part has at most 96 of them, and begins and ends with something
/// else than `-` and `.`; the name does not end in `.git`.
package struct RepositoryName: Sendable, Equatable {
  package let owner: String
  package let name: String

  var text: String { owner + "/" + name }
  /// The folder of the repository in the cache.
  var folderName: String { "models--" + owner + "--" + name }

  package init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, parts.allSatisfy(Self.isValid), !text.hasSuffix(".git") else { return nil }
    (owner, name) = (parts[0], parts[1])
  }

  /// The repository of a folder in the cache, or nil for a folder that is none.
  init?(folderName: String) {
    let prefix = "models--"
    guard folderName.hasPrefix(prefix) else { return nil }
    let rest = folderName.dropFirst(prefix.count)
    guard let separator = rest.indices.first(where: { rest[$0...].hasPrefix("--") }) else { return nil }
    self.init(rest[..<separator] + "/" + rest[separator...].dropFirst(2))
  }

  private static func isValid(_ part: String) -> Bool {
    let bytes = part.utf8
    guard bytes.count <= 96, let first = bytes.first, let last = bytes.last else { return false }
    func isEdge(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") }
    guard !isEdge(first), !isEdge(last), bytes.allSatisfy(isAllowed) else { return false }
    return !zip(bytes, bytes.dropFirst()).contains { $0 == $1 && isEdge($0) }
  }

  private static func isAllowed(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
      true
    default: false
    }
  }
}
