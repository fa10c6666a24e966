/// Which files of a repository are needed to run its model.
package enum FileSelection: Equatable {
  /// These.
  case files([RemoteFile])
  /// These, and the weights that the last of them, the index, names.
  case indexed(small: [RemoteFile], index: RemoteFile)

  /// Read beside the weights, as far as they are there.
  static let small = [
    ModelContents.configuration, "generation_config.json", ModelContents.tokenizer, "tokenizer_config.json",
    "special_tokens_map.json", "chat_template.jinja", "chat_template.json",
  ]

  /// The folder of chat templates that have names, such as `tool_use`.
  private static let templateFolder = "additional_chat_templates/"

  /// Chooses among the files of a repository.
  ///
  /// A folder of safetensors is chosen as a whole, without copies of the same weights in other forms. Of GGUF files
  /// each is a model, so several need a choice.
  /// - Parameter patterns: names of the files that are wanted, with `*` and `?`; if there are any, nothing else is
  ///   chosen.
  /// - Throws: `HubError` if there is nothing that can be loaded, or a choice is needed: then with the files and sizes.
  package static func choose(
    _ files: [RemoteFile], patterns: [String], of repository: RepositoryName
  ) throws(HubError) -> FileSelection {
    guard patterns.isEmpty else { return .files(try chosen(files, patterns, repository)) }
    func named(_ path: String) -> RemoteFile? { files.first { $0.path == path } }
    switch ModelContents(files.map(\.path)) {
    case .safetensors(let leader):
      let templates = files.filter { $0.path.hasPrefix(templateFolder) && $0.path.hasSuffix(".jinja") }
      let small = small.compactMap(named) + templates
      guard let leader = named(leader) else { break }
      return leader.path == ModelContents.index ? .indexed(small: small, index: leader) : .files(small + [leader])
    case .gguf(let whole, let parts):
      guard !whole.isEmpty else { throw unusable(repository, ModelContents.splitReason) }
      let choices = whole.compactMap(named)
      guard choices.count > 1 || !parts.isEmpty else { return .files(choices) }
      let others = parts.isEmpty ? "" : ", and \(parts.count) parts of split ones, which Martlet does not load"
      throw HubError(
        code: .usage,
        message: "\(repository.text) holds \(choices.count) GGUF files\(others); choose with --file:\n" + list(choices))
    case .nothing: break
    }
    let weights = files.filter { !$0.path.contains("/") && ModelContents.isSafetensors($0.path) }
    guard weights.isEmpty else {
      throw HubError(
        code: .badInput,
        message: "\(repository.text) has safetensors, but not "
          + (named(ModelContents.configuration) == nil
            ? ModelContents.configuration : "\(ModelContents.single) or \(ModelContents.index)")
          + ", so it is no model of its own; with --file some of its files can be fetched:\n" + list(weights))
    }
    guard !files.contains(where: { ModelContents.isPickle($0.path) }) else {
      throw unusable(repository, ModelContents.pickleReason)
    }
    throw HubError(
      code: .badInput, message: "\(repository.text) holds no model: neither safetensors nor a GGUF file")
  }

  /// What somebody should know of a repository's model before its weights come; nil if there is nothing.
  static func warning(_ files: [RemoteFile], of repository: RepositoryName) -> String? {
    let paths = files.map(\.path)
    guard case .safetensors = ModelContents(paths), !paths.contains(ModelContents.tokenizer) else { return nil }
    let others = ["tokenizer.model", "vocab.json", "vocab.txt"].filter(paths.contains)
    let instead = others.isEmpty ? "" : ", and Martlet does not read \(others.joined(separator: " or "))"
    return
      "\(repository.text) has no \(ModelContents.tokenizer)\(instead): without a vocabulary the model will not run "
      + "on text"
  }

  /// The weights that an index names, in their order.
  /// - Throws: `HubError` if the repository lacks one.
  static func shards(
    _ names: [String], among files: [RemoteFile], of repository: RepositoryName
  ) throws(HubError) -> [RemoteFile] {
    var shards: [RemoteFile] = []
    for name in Set(names).sorted() {
      guard ModelContents.isSafetensors(name), let file = files.first(where: { $0.path == name }) else {
        throw HubError(
          code: .badInput,
          message:
            "\(ModelContents.index) of \(repository.text) names the file '\(name)', which the repository does not have")
      }
      shards.append(file)
    }
    return shards
  }

  private static func chosen(
    _ files: [RemoteFile], _ patterns: [String], _ repository: RepositoryName
  ) throws(HubError) -> [RemoteFile] {
    for pattern in patterns where !files.contains(where: { matches($0, pattern) }) {
      let isPart = files.contains { matches($0, "*\(pattern)*") }
      let others = files.filter { ModelContents.isGGUF($0.path) || ModelContents.isSafetensors($0.path) }
      throw HubError(
        code: .notFound,
        message: "\(repository.text) has no file '\(pattern)'" + (isPart ? "; did you mean '*\(pattern)*'?" : "")
          + (others.isEmpty ? "" : "; its weights are\n" + list(others)))
    }
    let chosen = files.filter { file in patterns.contains { matches(file, $0) } }
    guard !chosen.contains(where: { ModelContents.isPickle($0.path) }) else {
      throw unusable(repository, ModelContents.pickleReason)
    }
    guard !chosen.contains(where: { ModelContents.isSplitPart($0.path) }) else {
      throw unusable(repository, ModelContents.splitReason)
    }
    return chosen
  }

  /// A pattern means a path in the repository, or a file's name wherever it lies.
  private static func matches(_ file: RemoteFile, _ pattern: String) -> Bool {
    Glob.matches(pattern, file.path) || Glob.matches(pattern, file.name)
  }

  private static func unusable(_ repository: RepositoryName, _ reason: String) -> HubError {
    HubError(code: .badInput, message: "\(repository.text) is no model that can be loaded: \(reason)")
  }

  /// As lines with sizes, cut off where nobody reads on.
  private static func list(_ files: [RemoteFile]) -> String {
    var lines = files.prefix(40).map { file in
      "  \(file.path)" + (file.size.map { " (\(ByteCount.text($0)))" } ?? "")
    }
    if files.count > lines.count { lines.append("  and \(files.count - lines.count) more") }
    return lines.joined(separator: "\n")
  }
}
