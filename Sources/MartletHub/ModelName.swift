/// How a model of the hub is named: `owner/name`, `owner/name@revision`, and one of its GGUF files as
/// `owner/name/folder/file.gguf` or `owner/name@revision/folder/file.gguf`.
///
/// A revision whose own name has slashes in it can be given without a file only.
struct ModelName: Sendable, Equatable {
  let repository: RepositoryName
  /// A branch, a tag or a commit; nil for what is meant without one.
  var revision: String?
  /// The path of a GGUF file in the repository.
  var file: String?

  init(_ repository: RepositoryName, revision: String? = nil, file: String? = nil) {
    (self.repository, self.revision, self.file) = (repository, revision, file)
  }

  /// Nil for what can only be a path or a short name, and for names that could lead out of a folder.
  init?(_ text: String) {
    guard let slash = text.firstIndex(of: "/") else { return nil }
    let rest = text[text.index(after: slash)...]
    let name = rest.prefix { $0 != "/" && $0 != "@" }
    guard !ModelContents.isGGUF(String(name)), let repository = RepositoryName("\(text[...slash])\(name)") else {
      return nil
    }
    self.init(repository)
    var tail = rest[name.endIndex...]
    if tail.first == "@" {
      tail = tail.dropFirst()
      let end = ModelContents.isGGUF(String(tail)) ? tail.firstIndex(of: "/") ?? tail.endIndex : tail.endIndex
      let revision = String(tail[..<end])
      guard Self.isRevision(revision) else { return nil }
      self.revision = revision
      tail = tail[end...]
    }
    guard !tail.isEmpty else { return }
    let file = String(tail.dropFirst())
    guard RemoteFile.isSafe(file), ModelContents.isGGUF(file) else { return nil }
    self.file = file
  }

  var text: String { repository.text + (revision.map { "@" + $0 } ?? "") + (file.map { "/" + $0 } ?? "") }

  /// The same without the file.
  var whole: ModelName { ModelName(repository, revision: revision) }

  static func isRevision(_ text: String) -> Bool { RemoteFile.isSafe(text) && !text.hasPrefix("-") }
}
