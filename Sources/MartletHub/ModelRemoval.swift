internal import Glibc

/// Removes models from the caches of this machine, and nothing else.
package struct ModelRemoval: Sendable {
  private let environment: HubEnvironment

  package init(environment: HubEnvironment = .current) {
    self.environment = environment
  }

  /// What was removed.
  package struct Removed: Sendable, Equatable {
    package let name: String
    /// The file, or the repository's folder.
    package let path: String
    /// How many bytes that freed.
    package let bytes: Int

    package init(name: String, path: String, bytes: Int) {
      self.name = name
      self.path = path
      self.bytes = bytes
    }
  }

  /// Removes a model.
  /// - Parameter name: `owner/name`, of which all revisions are removed from the Hugging Face cache; a short name; or a
  ///   file in Martlet's model folder, with or without its path.
  /// - Throws: `HubError` if there is no such model, or `name` leads outside the caches.
  package func remove(_ name: String) throws(HubError) -> Removed {
    guard !name.isEmpty, !name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
      throw HubError(code: .usage, message: "the name of the model is empty or has control characters in it")
    }
    if let builtIn = BuiltInModel.named(name) { return try removeFile(builtIn.fileName, name) }
    if !ModelLocator.isPath(name), let repository = RepositoryName(name) { return try remove(repository) }
    guard let file = try fileName(name) else { throw notFound(name, nil) }
    return try removeFile(file, name)
  }

  private func remove(_ repository: RepositoryName) throws(HubError) -> Removed {
    guard let cache = environment.huggingFaceCache else { throw notFound(repository.text, repository) }
    let path = cache + "/" + repository.folderName
    switch FileSystem.ownKind(path) {
    case .folder: break
    case nil: throw notFound(repository.text, repository)
    case .link:
      throw HubError(
        code: .usage, message: "\(path) is a link to somewhere else; remove it and what it leads to yourself")
    case .file, .other: throw HubError(code: .badInput, message: "\(path) is no folder of a repository")
    }
    return Removed(name: repository.text, path: path, bytes: try FileSystem.removeTree(path))
  }

  /// The name of a file of Martlet's model folder that `name` means; nil if it does not mean one.
  /// - Throws: `HubError` for a path to anywhere else.
  private func fileName(_ name: String) throws(HubError) -> String? {
    guard let slash = name.lastIndex(of: "/") else { return name == "." || name == ".." ? nil : name }
    let (parent, file) = (name[..<slash], String(name[name.index(after: slash)...]))
    let isInFolder = FileSystem.isSame(parent.isEmpty ? "/" : String(parent), environment.modelFolder ?? "")
    guard isInFolder, !["", ".", ".."].contains(file) else {
      guard FileSystem.ownKind(name) != nil else { return nil }
      throw HubError(
        code: .usage,
        message:
          "\(name) is not in \(environment.modelFolder ?? "Martlet's model folder"), and nothing else is removed "
          + "by its path; a model of the Hugging Face cache is removed by its name, owner/name")
    }
    return file
  }

  private func removeFile(_ file: String, _ name: String) throws(HubError) -> Removed {
    guard let folder = environment.modelFolder else { throw notFound(name, nil) }
    let path = folder + "/" + file
    switch FileSystem.ownKind(path) {
    case .file, .link: break
    case nil: throw notFound(name, nil)
    case .folder, .other: throw HubError(code: .usage, message: "\(path) is no file")
    }
    let bytes = try FileSystem.removeTree(path)
    // What scripts/fetch-model.sh noted about it.
    FileSystem.remove(path + ".sha256")
    return Removed(name: name, path: path, bytes: bytes)
  }

  private func notFound(_ name: String, _ repository: RepositoryName?) -> HubError {
    let locator = ModelLocator(environment: environment)
    let place =
      repository.map { "\(environment.huggingFaceCache ?? "(no Hugging Face cache)")/\($0.folderName)" }
      ?? environment.modelFolder ?? "(no model folder)"
    let others = locator.installedModels().map(\.name)
    let suggestions = Suggestions.close(to: name, among: others).map { "'\($0)'" }
    let advice =
      suggestions.isEmpty
      ? "'martlet list' shows what is there" : "did you mean " + suggestions.joined(separator: " or ") + "?"
    return HubError(
      code: .notFound, message: "there is no model '\(name)' on this machine (looked in \(place)); \(advice)")
  }
}

extension FileSystem {
  /// What something is by itself, where ``kind(_:)`` tells what a link leads to.
  enum OwnKind: Equatable {
    case file(size: Int)
    case folder, link, other
  }

  static func ownKind(_ path: String) -> OwnKind? {
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
  static func removeTree(_ path: String) throws(HubError) -> Int {
    var bytes = 0
    switch ownKind(path) {
    case .folder:
      for name in names(in: path) { bytes += try removeTree(path + "/" + name) }
      guard rmdir(path) == 0 else { throw Disk.failure("removed", path) }
    case .file(let size):
      bytes = size
      fallthrough
    case .link, .other:
      guard unlink(path) == 0 else { throw Disk.failure("removed", path) }
    case nil: break
    }
    return bytes
  }
}
