/// The files of a model.
package enum LocatedModel: Sendable, Equatable {
  /// One GGUF file with everything in it.
  case gguf(path: String)
  /// A folder with `config.json` and the weights in safetensors.
  case folder(path: String)

  package var path: String {
    switch self {
    case .gguf(let path), .folder(let path): path
    }
  }
}

/// What a folder or file that may be a model turns out to be.
enum Candidate {
  case model(LocatedModel)
  /// Several GGUF files; each is a model of its own.
  case several([String])
  /// Nothing that can be loaded, and why.
  case unusable(String)

  /// Looks at the folder at `path`.
  ///
  /// With `config.json` it is a model of safetensors, unless there are none and GGUF files are: repositories of those
  /// often carry a `config.json` too.
  static func folder(_ path: String) -> Candidate {
    let names = FileSystem.names(in: path)
    let files = names.filter { $0.hasSuffix(".gguf") && FileSystem.isFile(path + "/" + $0) }.map { path + "/" + $0 }
    let hasConfiguration = names.contains("config.json")
    let hasWeights = holdsWeights(names)
    if hasConfiguration, hasWeights || files.isEmpty {
      guard hasWeights || !names.contains(where: isPickle) else { return .unusable(pickleMessage) }
      return .model(.folder(path: path))
    }
    switch files.count {
    case 0: return .unusable("it holds neither config.json nor a .gguf file")
    case 1: return .model(.gguf(path: files[0]))
    default: return .several(files)
    }
  }

  /// Whether files of these names have weights among them that a folder's model can use. A folder without any still
  /// has a tokenizer and a chat template to offer.
  static func holdsWeights(_ names: [String]) -> Bool { names.contains { $0.hasSuffix(".safetensors") } }

  /// Looks at the file at `path`: a GGUF file is known by its name or its first bytes (blobs of the Hugging Face cache
  /// have no extension).
  static func file(_ path: String) -> Candidate {
    let name = path.lowercased()
    if name.hasSuffix(".gguf") || FileSystem.start(of: path, limit: 4) == Array("GGUF".utf8) {
      return .model(.gguf(path: path))
    }
    if name.hasSuffix(".safetensors") { return .unusable("give the folder that holds it, with its config.json") }
    if isPickle(name) { return .unusable(pickleMessage) }
    return .unusable("it is not a GGUF file")
  }

  static func isPickle(_ name: String) -> Bool {
    [".bin", ".pt", ".pth", ".pkl", ".ckpt"].contains { name.hasSuffix($0) }
  }

  static let pickleMessage =
    "its weights are pickled, which can run any program and is never loaded: convert them to safetensors"
}
