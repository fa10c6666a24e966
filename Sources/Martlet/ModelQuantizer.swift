internal import MartletEngine
public import MartletModels
internal import MartletRuntime

/// Writes a model as one GGUF file, its weights in a type of fewer bits: what `martlet quantize` does.
///
/// ```swift
/// let quantizer = ModelQuantizer(model: "my-finetune", type: .q4_k)
/// let summary = try quantizer.write(to: "my-finetune.gguf")
/// ```
///
/// The file is for llama.cpp as much as for Martlet. Weights are read from their mapping a few rows at a time, so the memory
/// needed does not grow with the model.
public struct ModelQuantizer: Sendable {
  /// A `.gguf` file, a folder of safetensors, or a name, as ``Model/load(_:options:progress:)`` takes it.
  public var model: String
  /// The type of most weights; see `docs/quantization.md` for the others.
  public var type: QuantizationType
  /// Threads of the processor; nil uses every core that the process may run on.
  public var threads: Int?
  /// Whether a file that is there may be replaced.
  public var replacesExisting = false

  /// A quantizer with the defaults.
  public init(model: String, type: QuantizationType) {
    self.model = model
    self.type = type
  }

  /// Writes the file, which appears under its name only when it is whole.
  /// - Parameters:
  ///   - path: the file.
  ///   - note: called with sentences that the user should know: what a GGUF file cannot say, weights that were
  ///     quantised before.
  ///   - progress: called with the share done, 0 to 1, on the calling thread. A cancelled task stops there.
  /// - Throws: ``MartletError``, also for what llama.cpp does not compute; `CancellationError`.
  public func write(
    to path: String, note: (String) -> Void = { _ in }, progress: (Double) -> Void = { _ in }
  ) throws -> QuantizationSummary {
    let source = try ModelFiles.path(of: model, needsWeights: true)
    do {
      return try MartletError.reading(source) {
        let runtime = try Context().runtime(for: .cpu)
        let export = try export(of: source, runtime, note: note)
        if export.requantizedCount > 0 {
          note(
            "\(export.requantizedCount) weights of \(source) are quantised already and will be so a second time: "
              + "quantise the original for a better model")
        }
        let stream = try Stream(on: runtime, threads: threads)
        return try export.write(to: path, replaces: replacesExisting, on: stream) { share in
          try Task.checkCancellation()
          progress(share)
        }
      }
    } catch {
      if Task.isCancelled { throw CancellationError() }
      throw error
    }
  }

  private func export(of path: String, _ runtime: Runtime, note: (String) -> Void) throws -> GGUFExport {
    guard MappedFile.isFolder(path) else {
      return try GGUFExport(GGUFFile(path: path), type: type, runtime: runtime)
    }
    let folder = try CheckpointFolder(path: path)
    // The last part of what the user calls it: folders of the cache have names of hexadecimal digits.
    let name = model.split(separator: "/").last.map(String.init) ?? model
    var export = try GGUFExport(folder, named: name, type: type, runtime: runtime)
    for sentence in try export.header.setTokenizer(of: folder, vocabularySize: export.vocabularySize) { note(sentence) }
    return export
  }
}
