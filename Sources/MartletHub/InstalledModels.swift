/// A model on this machine.
package struct InstalledModel: Sendable, Equatable {
  package enum Place: String, Sendable {
    case martletCache, huggingFaceCache
  }

  /// What to call it on the command line: a short name, `owner/name`, or the path of a file without a shorter name.
  package let name: String
  /// Its file or its folder.
  package let path: String
  /// All files of it, in bytes.
  package let size: Int
  package let place: Place

  package init(name: String, path: String, size: Int, place: Place) {
    self.name = name
    self.path = path
    self.size = size
    self.place = place
  }
}

extension ModelLocator {
  /// The models in Martlet's cache and in the Hugging Face cache, by place and name. Repositories that hold no model
  /// (data, tokenizers, pickles) are left out.
  package func installedModels() -> [InstalledModel] {
    builtInFolder() + huggingFaceModels()
  }

  private func builtInFolder() -> [InstalledModel] {
    guard let folder = environment.modelFolder else { return [] }
    return FileSystem.names(in: folder).compactMap { fileName in
      let path = folder + "/" + fileName
      guard !fileName.hasPrefix("."), fileName.hasSuffix(".gguf"), case .file(let size) = FileSystem.kind(path) else {
        return nil
      }
      let builtIn = BuiltInModel.all.first { $0.fileName == fileName && $0.size == size }
      return InstalledModel(name: builtIn?.name ?? path, path: path, size: size, place: .martletCache)
    }
  }

  private func huggingFaceModels() -> [InstalledModel] {
    guard let cache = HuggingFaceCache(environment) else { return [] }
    return cache.repositories().flatMap { repository -> [InstalledModel] in
      guard case .found(let folder) = cache.snapshot(of: repository) else { return [] }
      func installed(_ name: String, _ path: String, _ size: Int) -> InstalledModel {
        InstalledModel(name: name, path: path, size: size, place: .huggingFaceCache)
      }
      switch Candidate.folder(folder) {
      case .model(.folder(let path)) where !Candidate.holdsWeights(FileSystem.names(in: path)): return []
      case .model(let model): return [installed(repository.text, model.path, Self.size(of: model.path))]
      case .several(let files): return files.map { installed($0, $0, Self.size(of: $0)) }
      case .unusable: return []
      }
    }
  }

  /// The bytes of a file, or of all files directly in a folder.
  private static func size(of path: String) -> Int {
    switch FileSystem.kind(path) {
    case .file(let size): size
    case .folder:
      FileSystem.names(in: path).reduce(0) { sum, name in
        if case .file(let size) = FileSystem.kind(path + "/" + name) { sum + size } else { sum }
      }
    default: 0
    }
  }
}
