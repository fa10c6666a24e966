/// Which files of a repository are needed to run its model.
package enum FileSelection: Equatable {
  /// These.
  case files([RemoteFile])
  /// These, and the weights that the last of them, the index, names.
  case indexed(small: [RemoteFile], index: RemoteFile)

  /// Read beside the weights, as far as they are there.
  static let small = [
    "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
    "chat_template.jinja", "chat_template.json",
  ]
  private static let single = "model.safetensors"
  private static let index = "model.safetensors.index.json"

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
    let top = files.filter { !$0.path.contains("/") }
    let weights = top.filter { isSafetensors($0.path) }
    let hasConfiguration = top.contains { $0.path == "config.json" }
    if hasConfiguration, let first = [index, single].lazy.compactMap({ name in top.first { $0.path == name } }).first {
      let small = small.compactMap { name in top.first { $0.path == name } }
      return first.path == index ? .indexed(small: small, index: first) : .files(small + [first])
    }
    let gguf = files.filter { $0.path.lowercased().hasSuffix(".gguf") }
    switch gguf.count {
    case 0: break
    case 1: return .files(gguf)
    default:
      throw HubError(
        code: .usage,
        message: "\(repository.text) holds \(gguf.count) GGUF files; choose with --file:\n" + list(gguf))
    }
    guard weights.isEmpty else {
      throw HubError(
        code: .badInput,
        message: "\(repository.text) has safetensors, but not "
          + (hasConfiguration ? "\(single) or \(index)" : "config.json")
          + ", so it is no model of its own; with --file some of its files can be fetched:\n" + list(weights))
    }
    guard !files.contains(where: { Candidate.isPickle($0.path) }) else { throw pickled(repository) }
    throw HubError(
      code: .badInput, message: "\(repository.text) holds no model: neither safetensors nor a GGUF file")
  }

  /// The weights that an index names, in their order.
  /// - Throws: `HubError` if the repository lacks one.
  static func shards(
    _ names: [String], among files: [RemoteFile], of repository: RepositoryName
  ) throws(HubError) -> [RemoteFile] {
    var shards: [RemoteFile] = []
    for name in Set(names).sorted() {
      guard isSafetensors(name), let file = files.first(where: { $0.path == name }) else {
        throw HubError(
          code: .badInput,
          message: "\(index) of \(repository.text) names the file '\(name)', which the repository does not have")
      }
      shards.append(file)
    }
    return shards
  }

  private static func chosen(
    _ files: [RemoteFile], _ patterns: [String], _ repository: RepositoryName
  ) throws(HubError) -> [RemoteFile] {
    for pattern in patterns where !files.contains(where: { matches($0, pattern) }) {
      let others = files.filter { $0.path.lowercased().hasSuffix(".gguf") || isSafetensors($0.path) }
      throw HubError(
        code: .notFound,
        message: "\(repository.text) has no file '\(pattern)'" + (others.isEmpty ? "" : "; it has\n" + list(others)))
    }
    let chosen = files.filter { file in patterns.contains { matches(file, $0) } }
    guard !chosen.contains(where: { Candidate.isPickle($0.path) }) else { throw pickled(repository) }
    return chosen
  }

  /// A pattern means a path in the repository, or a file's name wherever it lies.
  private static func matches(_ file: RemoteFile, _ pattern: String) -> Bool {
    Glob.matches(pattern, file.path) || Glob.matches(pattern, file.name)
  }

  private static func isSafetensors(_ path: String) -> Bool { path.hasSuffix(".safetensors") }

  private static func pickled(_ repository: RepositoryName) -> HubError {
    HubError(code: .badInput, message: "\(repository.text) is no model that can be loaded: \(Candidate.pickleMessage)")
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
