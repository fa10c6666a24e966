internal import MartletOperators
package import MartletRuntime
internal import MartletTensor

/// What was written.
public struct QuantizationSummary: Sendable, Equatable {
  /// Tensors of one type.
  public struct Share: Sendable, Equatable {
    /// The type, as GGUF tools call it: `q4_K`.
    public let type: String
    /// How many tensors.
    public let tensors: Int
    /// Their bytes.
    public let bytes: Int
  }

  /// The types written, the one with most bytes first.
  public let types: [Share]
  /// Weights of all tensors.
  public let parameters: Int
  /// Bytes of the tensors that were read.
  public let bytesRead: Int
  /// Bytes of the file that was written.
  public let bytesWritten: Int
  /// Tensors whose rows are no whole blocks of the type that they should have had.
  public let fallbacks: Int
  /// Tensors that were quantised before, in another type: their errors add up.
  public let requantized: Int
}

extension GGUFExport {
  /// Tensors of the file that is read which are quantised and will be so in another type.
  package var requantizedCount: Int { sources.count { $0.isRequantized } }

  /// Writes the file. Weights are read from their mapping and written a few rows at a time.
  /// - Parameters:
  ///   - replaces: whether a file of that name may be replaced.
  ///   - progress: called with the share done, 0 to 1; what it throws ends the writing and leaves no file.
  /// - Throws: ``QuantizationError``, ``OutputError``.
  package func write(
    to path: String, replaces: Bool, on stream: Stream, progress: (Double) throws -> Void = { _ in }
  ) throws -> QuantizationSummary {
    var writer = try GGUFWriter(path: path, header: header, tensors: sources.map(\.target), replaces: replaces)
    let parameters = sources.reduce(0) { $0 + $1.tensor.elementCount }
    var done = 0
    for source in sources {
      try progress(Double(done) / Double(max(1, parameters)))
      try write(source, to: &writer, on: stream)
      done += source.tensor.elementCount
    }
    try writer.finish()
    try progress(1)
    return summary(parameters: parameters, bytesWritten: writer.byteCount)
  }

  /// Numbers that are encoded at once: enough for all threads, and little memory.
  private static let batch = 1 << 22

  private func write(_ source: Source, to writer: inout GGUFWriter, on stream: Stream) throws {
    let target = source.target
    let tensor = try source.heads.map { try Self.interleaved(source.tensor, heads: $0, on: stream) } ?? source.tensor
    guard tensor.dtype != target.type || tensor.dtype.isFloatingPoint else {
      try writer.write(UnsafeRawBufferPointer(start: tensor.pointer, count: tensor.byteCount))
      return withExtendedLifetime(tensor) {}
    }
    let width = target.shape.last ?? 1
    let rowCount = width > 0 ? tensor.elementCount / width : 0
    let rows = try tensor.view([rowCount, width])
    let step = max(1, Self.batch / max(1, width))
    for first in stride(from: 0, to: rowCount, by: step) {
      let range = first..<min(first + step, rowCount)
      let encoded = try Tensor([range.count, width], target.type, on: stream.runtime)
      switch try Quantize(rows.slice(0, range), into: encoded).run(on: stream) {
      case .done: break
      case .notFinite(let row):
        throw QuantizationError.notFinite(file: path, weight: source.name, row: first + row)
      case .tooLarge(let row):
        throw QuantizationError.tooLarge(file: path, weight: source.name, row: first + row, type: target.type)
      }
      try writer.write(UnsafeRawBufferPointer(start: encoded.pointer, count: encoded.byteCount))
    }
  }

  /// Puts row (head, j, i) of `[heads, 2, d/2]` to row (head, i, j): llama.cpp turns neighbours, not halves. Rows are moved
  /// as bytes, whatever their type. The opposite of what ``GGUFWeights`` does.
  private static func interleaved(_ tensor: Tensor, heads: Int, on stream: Stream) throws -> Tensor {
    let rows = tensor.shape[0]
    let half = rows / heads / 2
    let rowBytes = tensor.byteCount / rows
    let bytes = try Tensor(
      storage: tensor.storage, dtype: .u8, layout: Layout(contiguous: [heads, 2, half, rowBytes]))
    let target = try Tensor([heads, half, 2, rowBytes], .u8, on: stream.runtime)
    try Rearrange(bytes.permute([0, 2, 1, 3]), into: target).run(on: stream)
    return try Tensor(storage: target.storage, dtype: tensor.dtype, layout: Layout(contiguous: tensor.shape))
  }

  private func summary(parameters: Int, bytesWritten: Int) -> QuantizationSummary {
    let shares = Dictionary(grouping: sources, by: \.target.type).map { type, sources in
      QuantizationSummary.Share(
        type: type.name, tensors: sources.count, bytes: sources.reduce(0) { $0 + $1.target.byteCount })
    }
    return QuantizationSummary(
      types: shares.sorted { ($0.bytes, $0.type) > ($1.bytes, $1.type) }, parameters: parameters,
      bytesRead: sources.reduce(0) { $0 + $1.tensor.byteCount }, bytesWritten: bytesWritten,
      fallbacks: sources.count { $0.isFallback }, requantized: requantizedCount)
  }
}
