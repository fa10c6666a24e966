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
  /// - Parameter name: `owner/name`, of which all revisions are removed from the Hugging Face cache; one of its revisions
  ///   or files, named as by ``ModelName``; a short name; or a file in Martlet's model folder, with or without its path.
  /// - Throws: `HubError` if there is no such model, another program fetches it, or `name` leads outside the caches.
  package func remove(_ name: String) throws(HubError) -> Removed {
    guard !name.isEmpty, !name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
      throw HubError(code: .usage, message: "the name of the model is empty or has control characters in it")
    }
    if let builtIn = BuiltInModel.named(name) { return try removeFile(builtIn.fileName, name) }
    // A path to a file here is meant as one.
    if let model = ModelName(name), model.file == nil || FileSystem.ownKind(name) == nil { return try remove(model) }
    guard let file = try fileName(name) else { throw notFound(name, nil) }
    return try removeFile(file, name)
  }

  private func remove(_ name: ModelName) throws(HubError) -> Removed {
    let repository = name.repository
    guard let cache = environment.huggingFaceCache else { throw notFound(name.text, repository) }
    let folders = CacheFolders(cache: cache, repository: repository)
    switch FileSystem.ownKind(folders.root) {
    case .folder: break
    case nil: throw notFound(name.text, repository)
    case .link:
      throw HubError(
        code: .usage, message: "\(folders.root) is a link to somewhere else; remove it and what it leads to yourself")
    case .file, .other: throw HubError(code: .badInput, message: "\(folders.root) is no folder of a repository")
    }
    let removed = try FileLock.holding(all: folders.lockFiles) { () throws(HubError) -> Removed in
      guard name.revision != nil || name.file != nil else {
        return Removed(name: name.text, path: folders.root, bytes: try folders.removeAll())
      }
      guard case .found(let revision) = HuggingFaceCache(cache).snapshot(of: repository, revision: name.revision),
        name.file.map(FileSystem.files(below: revision.path).contains) ?? true
      else { throw notFound(name.text, repository) }
      return Removed(
        name: name.text, path: revision.path + (name.file.map { "/" + $0 } ?? ""),
        bytes: try folders.remove(name.file, of: revision.commit))
    }
    guard let removed else {
      throw HubError(
        code: .unavailable,
        message: "\(repository.text) is being downloaded by another program; stop that, or wait until it is done")
    }
    return removed
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
