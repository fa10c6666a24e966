/// Turns the name that a user gives into the files of a model on this machine. Nothing is downloaded.
///
/// A name is, in this order: a `.gguf` file or a model's folder; a short name of the built-in list; `owner/name` of a
/// repository in the local Hugging Face cache, with a revision or a file behind it where needed (see ``ModelName``).
package struct ModelLocator: Sendable {
  package let environment: HubEnvironment

  package init(environment: HubEnvironment = .current) {
    self.environment = environment
  }

  /// The model that `name` stands for in `environment`.
  package static func locate(
    _ name: String, needsWeights: Bool = false, environment: HubEnvironment = .current
  ) throws(HubError) -> LocatedModel {
    try ModelLocator(environment: environment).locate(name, needsWeights: needsWeights)
  }

  /// The model that `name` stands for.
  ///
  /// - Parameter needsWeights: whether a repository whose weights are not all here is an error. Without them there is
  ///   still a tokenizer to use.
  /// - Throws: `HubError` that says what is wrong with what was found, or where was looked and what to do.
  package func locate(_ name: String, needsWeights: Bool = false) throws(HubError) -> LocatedModel {
    guard !name.isEmpty else { throw HubError(code: .usage, message: "the name of the model is empty") }
    guard !name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
      throw HubError(code: .usage, message: "the name of the model has control characters in it")
    }
    let builtIn = BuiltInModel.named(name)
    let model = ModelName(name)
    switch FileSystem.kind(name) {
    case .file:
      return try resolve(.file(name), name, prefix: "")
    case .folder:
      let candidate = Candidate.folder(name)
      // A folder that only happens to have the name of a model does not hide it.
      if case .unusable = candidate, builtIn != nil || model != nil { break }
      return try resolve(candidate, name, prefix: name)
    case .other:
      throw HubError(code: .badInput, message: "\(name) is neither a file nor a folder")
    case nil: break
    }
    if let builtIn { return try locate(builtIn) }
    if let model { return try locate(model, needsWeights: needsWeights) }
    guard !Self.isPath(name) else { throw HubError(code: .notFound, message: "there is no file or folder \(name)") }
    throw notFound(name, repository: nil)
  }

  /// Whether a name can only be meant as a path.
  static func isPath(_ name: String) -> Bool {
    ["/", ".", "~"].contains { name.hasPrefix($0) } || name.lowercased().hasSuffix(".gguf")
      || name.utf8.count { $0 == UInt8(ascii: "/") } > 1
  }

  /// - Parameter prefix: what makes names for the command line of the paths of a folder's files.
  private func resolve(_ candidate: Candidate, _ path: String, prefix: String) throws(HubError) -> LocatedModel {
    switch candidate {
    case .model(let model): return model
    case .several(let files):
      throw HubError(
        code: .usage,
        message: "\(path) holds \(files.count) GGUF files; name one of them:\n"
          + Self.list(files.map { prefix + "/" + $0 }))
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

  /// The model of a repository in the Hugging Face cache.
  func locate(_ name: ModelName, needsWeights: Bool = false) throws(HubError) -> LocatedModel {
    let repository = name.repository.text
    guard let cache = HuggingFaceCache(environment) else {
      throw HubError(code: .notFound, message: Self.noCache("HF_HOME", for: repository))
    }
    switch cache.snapshot(of: name.repository, revision: name.revision) {
    case .found(let revision):
      guard let file = name.file else { return try locate(name, in: revision.path, needsWeights: needsWeights) }
      return try locate(file, of: name, in: revision.path)
    case .noRepository:
      throw notFound(name.text, repository: name.repository)
    case .noSnapshot(let folder):
      throw HubError(
        code: .badInput,
        message: "\(folder) has no snapshot that its refs/main names: its download was not finished; "
          + "'martlet pull \(repository)' completes it")
    case .others(let revisions):
      let list = Self.list(revisions.map { ModelName(name.repository, revision: $0.name, file: name.file).text })
      guard let wanted = name.revision else {
        throw HubError(
          code: .usage, message: "\(repository) is here in other revisions than main; name one of them:\n" + list)
      }
      throw HubError(
        code: .notFound,
        message: "\(repository) has no revision '\(wanted)' on this machine; 'martlet pull \(repository) --revision "
          + "\(wanted)' brings it" + (revisions.isEmpty ? "" : "; there are\n" + list))
    }
  }

  private func locate(_ name: ModelName, in folder: String, needsWeights: Bool) throws(HubError) -> LocatedModel {
    let model = try resolve(.folder(folder, isSnapshot: true), folder, prefix: name.text)
    guard needsWeights, case .folder = model else { return model }
    let missing = WeightIndex.missingWeights(in: folder)
    guard missing.isEmpty else {
      let what = missing.count == 1 ? "\(missing[0]) is" : "\(missing.count) files such as \(missing[0]) are"
      throw HubError(
        code: .notFound, message: "\(folder) is not whole: \(what) missing; '\(Self.pull(name))' brings what is missing"
      )
    }
    return model
  }

  private func locate(_ file: String, of name: ModelName, in folder: String) throws(HubError) -> LocatedModel {
    let path = folder + "/" + file
    guard FileSystem.isFile(path) else {
      let others = FileSystem.files(below: folder).filter(ModelContents.isGGUF)
      throw HubError(
        code: .notFound,
        message: "\(name.whole.text) has no file '\(file)' on this machine; '\(Self.pull(name))' brings it"
          + (others.isEmpty ? "" : "; there are\n" + Self.list(others.map { name.whole.text + "/" + $0 })))
    }
    return try resolve(.file(path), path, prefix: "")
  }

  /// The command that brings a model.
  private static func pull(_ name: ModelName) -> String {
    "martlet pull \(name.repository.text)" + (name.revision.map { " --revision \($0)" } ?? "")
      + (name.file.map { " --file '\($0)'" } ?? "")
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
