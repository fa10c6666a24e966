internal import MartletRuntime

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
  /// Several GGUF files, by their paths from the folder on; each is a model of its own.
  case several([String])
  /// Nothing that can be loaded, and why.
  case unusable(String)

  /// Looks at the folder at `path`.
  /// - Parameter isSnapshot: whether it is one of a repository, whose GGUF files may lie in folders of it. In another
  ///   folder nobody asked for a search of all that is below.
  static func folder(_ path: String, isSnapshot: Bool = false) -> Candidate {
    let names = FileSystem.files(below: path, depth: isSnapshot ? FileSystem.depthLimit : 0)
    switch ModelContents(names) {
    case .safetensors: return .model(.folder(path: path))
    case .gguf(let whole, _) where whole.count == 1: return .model(.gguf(path: path + "/" + whole[0]))
    case .gguf(let whole, _): return whole.isEmpty ? .unusable(ModelContents.splitReason) : .several(whole)
    case .nothing: break
    }
    let top = names.filter { !$0.contains("/") }
    guard top.contains(ModelContents.configuration) else {
      return .unusable("it holds neither \(ModelContents.configuration) nor a .gguf file")
    }
    guard holdsWeights(path) || !top.contains(where: ModelContents.isPickle) else {
      return .unusable(ModelContents.pickleReason)
    }
    return .model(.folder(path: path))
  }

  /// Whether a folder has weights that its model can use. Without any it still has a tokenizer and a chat template to
  /// offer.
  static func holdsWeights(_ path: String) -> Bool {
    Directory.names(in: path).contains(where: ModelContents.isSafetensors)
  }

  /// Looks at the file at `path`: a GGUF file is known by its name or its first bytes (blobs of the Hugging Face cache
  /// have no extension).
  static func file(_ path: String) -> Candidate {
    if ModelContents.isGGUF(path) || FileSystem.start(of: path, limit: 4) == Array("GGUF".utf8) {
      return .model(.gguf(path: path))
    }
    let name = path.lowercased()
    if ModelContents.isSafetensors(name) { return .unusable("give the folder that holds it, with its config.json") }
    return .unusable(ModelContents.isPickle(name) ? ModelContents.pickleReason : "it is not a GGUF file")
  }
}
