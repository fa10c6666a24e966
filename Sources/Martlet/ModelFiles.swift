internal import MartletEngine
internal import MartletHub
internal import MartletModels
internal import MartletRuntime
internal import MartletTemplate
internal import MartletTensor

/// What can be said of models without loading their weights.
public enum ModelFiles {
  /// The vocabulary and chat template of a model.
  /// - Throws: ``MartletError`` if there is no such model or it has no vocabulary.
  public static func textModel(_ name: String) throws(MartletError) -> TextModel {
    let path = try path(of: name)
    guard let text = try MartletError.reading(path, { try TextModel(path: path) }) else {
      throw MartletError(.unsupportedModel, "\(path) has no vocabulary")
    }
    return text
  }

  /// What a model's files hold.
  public static func report(_ name: String) throws(MartletError) -> Report {
    let path = try path(of: name, needsWeights: true)
    return try MartletError.wrapping {
      if MappedFile.isFolder(path) { return Report(folder: try CheckpointFolder(path: path)) }
      return try Report(gguf: try GGUFFile(path: path))
    }
  }

  /// The models on this machine that can be named.
  public static func installed() -> Report {
    let models = ModelLocator().installedModels()
    var text =
      models.isEmpty
      ? "no models; 'martlet pull owner/name' brings one from the Hugging Face hub, 'make model' the default one\n" : ""
    for model in models {
      let state = model.isWhole ? "" : ", not whole ('martlet pull' brings the rest)"
      text += "\(model.name.printable)  \(ByteCount.text(model.size))\(state)  \(model.path.printable)\n"
    }
    return Report(
      text: text,
      json: .array(
        models.map { model -> TemplateValue in
          [
            "name": .string(model.name), "path": .string(model.path), "bytes": .int(model.size),
            "whole": .bool(model.isWhole),
          ]
        }))
  }

  /// The GGUF file or the folder that `name` means.
  /// - Parameter needsWeights: whether a model of which only the vocabulary is here is none.
  /// - Throws: ``MartletError`` if there is none.
  static func path(of name: String, needsWeights: Bool = false) throws(MartletError) -> String {
    try MartletError.wrapping { try ModelLocator.locate(name, needsWeights: needsWeights).path }
  }
}

/// A report in two forms: lines for people, JSON for programs.
public struct Report: Sendable {
  /// Lines, each ended.
  public let text: String
  /// The same as a value.
  public let json: TemplateValue
}
