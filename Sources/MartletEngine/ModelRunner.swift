internal import MartletModels
package import MartletOperators
internal import MartletRuntime
internal import MartletTensor

/// Runs steps through a decoder: the only part of the engine that touches a device.
///
/// It owns the stream, the KV cache and the memory of steps; the engine calls it from one thread, one step at a time.
package struct ModelRunner: StepRunner {
  private let decoder: Decoder
  private var pass: Pass

  /// A runner with a cache of its own.
  /// - Parameter blockCount: blocks in the cache, as the engine's limits have it.
  package init(_ model: LoadedModel, blockCount: Int) throws {
    decoder = model.decoder
    let stream = try model.makeStream()
    let cache = try KVCache(decoder.configuration, blockCount: blockCount, decoder.cacheType, on: stream.runtime)
    pass = try Pass(decoder, cache: cache, on: stream)
  }

  /// What the pass takes.
  private func batch(_ step: Step) -> Batch {
    var batch = Batch(
      tokens: step.tokens, positions: step.positions, slots: step.slots, starts: step.queryOffsets,
      blockTables: step.entries.map(\.blockTable), logitRows: step.logitRows)
    batch.rotaryLengths = step.entries.flatMap {
      decoder.rotaryLengths($0.positions, promptLength: $0.promptLength)
    }
    batch.isBatchInvariant = step.isBatchInvariant
    return batch
  }

  package mutating func choose(_ step: Step) throws -> [Int32]? {
    guard pass.stream.device.kind != .cpu else { return nil }
    let choices = try pass.mostProbable(batch(step))
    return choices.allSatisfy(\.logit.isFinite) ? choices.map(\.token) : nil
  }

  package mutating func choose(_ step: Step, by rules: [SamplingRule]) throws -> [Int32]? {
    guard pass.stream.device.kind != .cpu else { return nil }
    var batch = batch(step)
    batch.rules = rules
    let tokens = try pass.sample(batch)
    return tokens.allSatisfy { $0 >= 0 } ? tokens : nil
  }

  package mutating func run(_ step: Step, logits body: (Int, UnsafeMutableBufferPointer<Float>) -> Void) throws {
    guard let logits = try pass.forward(batch(step)) else { return }
    try pass.stream.synchronize()
    let width = decoder.configuration.vocabularySize
    let rows = logits.pointer(as: Float.self)
    for (row, wanted) in step.logits.enumerated() {
      body(wanted.entry, UnsafeMutableBufferPointer(start: rows + row * width, count: width))
    }
  }
}
