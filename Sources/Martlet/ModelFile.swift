internal import MartletEngine
internal import MartletHub
internal import MartletModels

/// Finds the file behind a model's name.
package enum ModelFile {
  /// The path of the GGUF file that `name` means.
  /// - Throws: ``MartletError`` if there is none, or if it is a folder of safetensors, which Martlet does not read yet.
  package static func path(of name: String) throws(MartletError) -> String {
    switch try MartletError.wrapping({ try ModelLocator.locate(name) }) {
    case .gguf(let path): return path
    case .folder(let path):
      throw MartletError(
        .unsupportedModel, "\(path) is a folder of safetensors, which Martlet does not read yet; give a .gguf file")
    }
  }

  /// Opens the file for whatever needs no weights: vocabulary, template, metadata.
  package static func open(_ name: String) throws(MartletError) -> GGUFFile {
    let path = try path(of: name)
    return try MartletError.wrapping { try GGUFFile(path: path) }
  }
}
