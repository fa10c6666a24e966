internal import MartletModels
internal import MartletOperators
internal import MartletRuntime
internal import MartletTensor

/// A decoder that computes one sequence after another and keeps what the next one has in common with the last.
final class Qwen2Sequence {
  /// The cache begins with room for so many tokens and doubles: `maxseq` can be far more than any sequence has.
  private static let firstCapacity = 1024

  private let decoder: Decoder
  private var cache: KVCache
  private var pass: Pass
  /// The tokens whose keys and values the cache holds.
  private var tokens: [Int32] = []

  init(_ decoder: Decoder, on stream: Stream) throws {
    self.decoder = decoder
    cache = try Self.makeCache(
      decoder, tokens: min(Self.firstCapacity, decoder.configuration.contextLength), on: stream.runtime)
    pass = try Pass(decoder, cache: cache, on: stream)
  }

  private static func makeCache(_ decoder: Decoder, tokens: Int, on runtime: Runtime) throws -> KVCache {
    let blocks = (tokens + PagedCache.blockSize - 1) / PagedCache.blockSize
    return try KVCache(decoder.configuration, blockCount: blocks, decoder.cacheType, on: runtime)
  }

  /// The most probable token after a sequence, the lowest of equal ones.
  /// - Precondition: the sequence is not empty, fits the context, and has no token beyond the vocabulary.
  func next(after sequence: [Int32]) throws -> Int32 {
    // The last token is computed in any case: its logits are wanted.
    let common = zip(tokens, sequence.dropLast()).prefix { $0 == $1 }.count
    tokens.removeSubrange(common...)
    try reserve(sequence.count)
    var logits: Tensor?
    let step = Pass.stepTokens(on: pass.stream.device)
    for start in stride(from: common, to: sequence.count, by: step) {
      let end = min(start + step, sequence.count)
      let isLast = end == sequence.count
      logits = try pass.forward(
        Batch(
          sequence: Array(sequence[start..<end]), from: start, logitRows: isLast ? [Int32(end - start - 1)] : []))
      try pass.stream.synchronize()
      tokens += sequence[start..<end]
    }
    guard let logits else { preconditionFailure("the last step gave no logits") }
    let index = try Tensor([1], .i32, on: pass.stream.runtime)
    let value = try Tensor([1], logits.dtype, on: pass.stream.runtime)
    try Argmax(logits, index: index, value: value).run(on: pass.stream)
    try pass.stream.synchronize()
    return Int32(try index.hostValues(on: pass.stream.runtime)[0])
  }

  /// Makes room in the cache, keeping what it holds.
  private func reserve(_ count: Int) throws {
    let capacity = cache.blockCount * PagedCache.blockSize
    guard count > capacity else { return }
    let stream = pass.stream
    let larger = try Self.makeCache(
      decoder, tokens: min(max(count, 2 * capacity), decoder.configuration.contextLength), on: stream.runtime)
    for (old, new) in zip(cache.layers, larger.layers) {
      try Rearrange(old.keys, into: new.keys.prefix(old.blockCount)).run(on: stream)
      try Rearrange(old.values, into: new.values.prefix(old.blockCount)).run(on: stream)
    }
    try stream.synchronize()
    // Both or none: a pass that cannot be made must not leave the old one with the capacity of the new cache.
    let next = try Pass(decoder, cache: larger, on: stream)
    cache = larger
    pass = next
  }
}
