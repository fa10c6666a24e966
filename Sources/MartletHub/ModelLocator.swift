/// Turns the name that a user gives into the files of a model on this machine. Nothing is downloaded.
///
/// A name is, in this order: a `.gguf` file or a model's folder; a short name of the built-in list; `owner/name` of a
/// repository in the local Hugging Face cache.
package struct ModelLocator: Sendable {
  package let environment: HubEnvironment

  package init(environment: HubEnvironment = .current) {
    self.environment = environment
  }

  /// The model that `name` stands for in `environment`.
  package static func locate(
    _ name: String, environment: HubEnvironment = .current
  ) throws(HubError) -> LocatedModel {
    try ModelLocator(environment: environment).locate(name)
  }

  /// The model that `name` stands for.
  ///
  /// - Throws: `HubError` that says what is wrong with what was found, or where was looked and what to do.
  package func locate(_ name: String) throws(HubError) -> LocatedModel {
    guard !name.isEmpty else { throw HubError(code: .usage, message: "the name of the model is empty") }
    guard !name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
      throw HubError(code: .usage, message: "the name of the model has control characters in it")
    }
    let builtIn = BuiltInModel.named(name)
    let repository = Self.isPath(name) ? nil : RepositoryName(name)
    switch FileSystem.kind(name) {
    case .file:
      return try resolve(.file(name), name)
    case .folder:
      let candidate = Candidate.folder(name)
      // A folder that only happens to have the name of a model does not hide it.
      if case .unusable = candidate, builtIn != nil || repository != nil { break }
      return try resolve(candidate, name)
    case .other:
      throw HubError(code: .badInput, message: "\(name) is neither a file nor a folder")
    case nil: break
    }
    if let builtIn { return try locate(builtIn) }
    if let repository { return try locate(repository) }
    guard !Self.isPath(name) else { throw HubError(code: .notFound, message: "there is no file or folder \(name)") }
    throw notFound(name, repository: nil)
  }

  /// Whether a name can only be meant as a path.
  static func isPath(_ name: String) -> Bool {
    ["/", ".", "~"].contains { name.hasPrefix($0) } || name.lowercased().hasSuffix(".gguf")
      || name.utf8.count { $0 == UInt8(ascii: "/") } > 1
  }

  private func resolve(_ candidate: Candidate, _ path: String) throws(HubError) -> LocatedModel {
    switch candidate {
    case .model(let model): return model
    case .several(let files):
      throw HubError(
        code: .usage,
        message: "\(path) holds \(files.count) GGUF files; give the path of one:\n" + Self.list(files))
    case .unusable(let reason):
      throw HubError(code: .badInput, message: "\(path) is no model that can be loaded: \(reason)")
    }
  }

  private func locate(_ model: BuiltInModel) throws(HubError) -> LocatedModel {
    let advice = "'\(model.fetchCommand)' brings it (from \(model.source))"
    guard let folder = environment.modelFolder else {
      throw HubError(code: .notFound, message: Self.noCache("MARTLET_CACHE", for: model.name))
    }
    let path = folder + "/" + model.fileName
    guard case .file(let size) = FileSystem.kind(path) else {
      throw HubError(
        code: .notFound, message: "the model '\(model.name)' is not on this machine: there is no \(path); \(advice)")
    }
    guard size == model.size else {
      throw HubError(
        code: .badInput,
        message: "\(path) has \(size) bytes, but the model '\(model.name)' has \(model.size); \(advice) anew")
    }
    return .gguf(path: path)
  }

  private func locate(_ repository: RepositoryName) throws(HubError) -> LocatedModel {
    guard let cache = HuggingFaceCache(environment) else {
      throw HubError(code: .notFound, message: Self.noCache("HF_HOME", for: repository.text))
    }
    switch cache.snapshot(of: repository) {
    case .found(let folder):
      return try resolve(.folder(folder), folder)
    case .noRepository:
      throw notFound(repository.text, repository: repository)
    case .noSnapshot(let folder):
      throw HubError(
        code: .badInput,
        message: "\(folder) has no snapshot that its refs/main names: its download was not finished; "
          + "'martlet pull \(repository.text)' completes it")
    }
  }

  private func notFound(_ name: String, repository: RepositoryName?) -> HubError {
    var lines = ["there is no model '\(name)' on this machine; looked for"]
    lines.append("  a file or folder of this name")
    lines.append("  a short name: " + BuiltInModel.all.map(\.name).joined(separator: ", "))
    if let repository {
      let cache = environment.huggingFaceCache ?? "(no Hugging Face cache: HOME is not set)"
      lines.append("  a repository in the Hugging Face cache: \(cache)/\(repository.folderName)")
    }
    let suggestions = Suggestions.close(to: name, among: BuiltInModel.all.map(\.name) + installedRepositories())
    if !suggestions.isEmpty {
      lines.append("Did you mean " + suggestions.map { "'\($0)'" }.joined(separator: " or ") + "?")
    } else if let repository {
      lines.append("'martlet pull \(repository.text)' brings it from the Hugging Face hub.")
    }
    return HubError(code: .notFound, message: lines.joined(separator: "\n"))
  }

  private func installedRepositories() -> [String] {
    HuggingFaceCache(environment)?.repositories().map(\.text) ?? []
  }

  private static func noCache(_ variable: String, for name: String) -> String {
    "there is no cache folder to look for the model '\(name)' in: neither HOME nor \(variable) is set"
  }

  private static func list(_ paths: [String]) -> String { paths.map { "  " + $0 }.joined(separator: "\n") }
}
