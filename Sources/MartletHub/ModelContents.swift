/// What files are as a model, by their paths: one rule for a repository on the hub and for a folder on this machine.
///
/// `config.json` with safetensors at the top is one model, whatever else lies there: repositories of GGUF files often
/// carry a `config.json` too. Without those each GGUF file is a model, wherever it lies.
enum ModelContents: Equatable {
  /// `config.json` and the file that leads to the weights: all of them, or their index.
  case safetensors(leader: String)
  /// GGUF files that are a model each, and the parts of others that were split.
  case gguf(whole: [String], parts: [String])
  case nothing

  static let configuration = "config.json"
  static let tokenizer = "tokenizer.json"
  static let single = "model.safetensors"
  static let index = "model.safetensors.index.json"

  /// - Parameter paths: those of all files, from the folder on.
  init(_ paths: [String]) {
    if paths.contains(Self.configuration), let leader = [Self.single, Self.index].first(where: paths.contains) {
      self = .safetensors(leader: leader)
      return
    }
    let files = paths.filter(Self.isGGUF)
    let whole = files.filter { !Self.isSplitPart($0) }
    self = files.isEmpty ? .nothing : .gguf(whole: whole, parts: files.filter(Self.isSplitPart))
  }

  static func isGGUF(_ path: String) -> Bool { path.lowercased().hasSuffix(".gguf") }

  static func isSafetensors(_ path: String) -> Bool { path.hasSuffix(".safetensors") }

  static func isPickle(_ path: String) -> Bool {
    [".bin", ".pt", ".pth", ".pkl", ".ckpt"].contains { path.hasSuffix($0) }
  }

  /// Whether a file is one of several that llama.cpp's `gguf-split` made of a model.
  static func isSplitPart(_ path: String) -> Bool {
    let ending = path.lowercased().suffix("-00001-of-00002.gguf".count)
    let digits = ending.filter { $0.isASCII && $0.isNumber }
    return digits.count == 10 && digits != "0000100001" && Glob.matches("-?????-of-?????.gguf", ending)
  }

  static let pickleReason =
    "its weights are pickled, which can run any program and is never loaded: convert them to safetensors"
  static let splitReason =
    "its GGUF files are parts of split ones, which Martlet does not load: merge them with 'llama-gguf-split --merge'"
}
