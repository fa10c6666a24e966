import MartletHub

/// The default model, if this machine has it.
enum DefaultModel {
  /// The file, or nil; `make model` brings it.
  static let path: String? = {
    guard case .gguf(let path)? = try? ModelLocator.locate("smollm2") else { return nil }
    return path
  }()

  static let isMissing: Bool = path == nil
  static let skipMessage = "the default model is not in the cache; 'make model' brings it"
}
