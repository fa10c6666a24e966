internal import MartletRuntime

/// A model on this machine.
package struct InstalledModel: Sendable, Equatable {
  package enum Place: String, Sendable {
    case martletCache, huggingFaceCache
  }

  /// What to call it on the command line: a short name, `owner/name` with what else is needed to tell it from others of
  /// the repository (see ``ModelName``), or the path of a file without a shorter name.
  package let name: String
  /// Its file or its folder.
  package let path: String
  /// All files of it, in bytes.
  package let size: Int
  package let place: Place
  /// Whether all of its weights are here. Other programs leave folders that lack some.
  package let isWhole: Bool

  package init(name: String, path: String, size: Int, place: Place, isWhole: Bool = true) {
    self.name = name
    self.path = path
    self.size = size
    self.place = place
    self.isWhole = isWhole
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
    return Directory.names(in: folder).compactMap { fileName in
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
      // What the plain name means comes first.
      let plain = cache.snapshot(of: repository)
      let others = cache.revisions(of: repository).filter { plain != .found($0) }
      var models: [InstalledModel] = []
      if case .found(let revision) = plain { models = Self.models(of: ModelName(repository), in: revision.path) }
      return others.reduce(into: models) { models, revision in
        models += Self.models(of: ModelName(repository, revision: revision.name), in: revision.path)
      }
    }
  }

  /// The models in a snapshot.
  private static func models(of name: ModelName, in folder: String) -> [InstalledModel] {
    func installed(_ name: ModelName, _ path: String, isWhole: Bool = true) -> InstalledModel {
      InstalledModel(
        name: name.text, path: path, size: size(of: path), place: .huggingFaceCache, isWhole: isWhole)
    }
    switch Candidate.folder(folder, isSnapshot: true) {
    case .model(.folder(let path)):
      guard Candidate.holdsWeights(path) else { return [] }
      return [installed(name, path, isWhole: WeightIndex.missingWeights(in: path).isEmpty)]
    case .model(.gguf(let path)): return [installed(name, path)]
    case .several(let files):
      return files.map { file in
        installed(ModelName(name.repository, revision: name.revision, file: file), folder + "/" + file)
      }
    case .unusable: return []
    }
  }

  /// The bytes of a file, or of all files directly in a folder.
  private static func size(of path: String) -> Int {
    switch FileSystem.kind(path) {
    case .file(let size): size
    case .folder:
      Directory.names(in: path).reduce(0) { sum, name in
        if case .file(let size) = FileSystem.kind(path + "/" + name) { sum + size } else { sum }
      }
    default: 0
    }
  }
}
