import MartletRuntime

/// How an attention kernel is launched for heads of a size.
struct AttentionShape {
  /// Query heads that one block works on.
  static let queryRows = 8
  /// Keys that are softmaxed together.
  static let segment = 64
  /// Threads of a block.
  static let threads = 128
  /// The most dimensions of a head: what the kernels' registers hold.
  static let mostDimensions = 512
  /// Shared memory for heads of the most dimensions.
  static let mostSharedBytes = sharedBytes(keyWidth: mostDimensions, valueWidth: mostDimensions)

  /// Which of the kernels: how many pairs of dimensions a lane has.
  let parts: Int
  let sharedBytes: Int

  /// - Throws: `RuntimeError.callFailed` if heads are too large.
  init(keyWidth: Int, valueWidth: Int, on device: Device) throws(RuntimeError) {
    let width = max(keyWidth, valueWidth)
    guard width <= Self.mostDimensions else {
      throw .callFailed(
        device: device, call: "attention",
        reason:
          "heads have \(width) dimensions, and kernels take at most \(Self.mostDimensions); run it on the processor")
    }
    // A group of 32 lanes has 64 dimensions a part.
    parts = [1, 2, 4, 8].first { valueWidth <= 64 * $0 } ?? 8
    sharedBytes = Self.sharedBytes(keyWidth: keyWidth, valueWidth: valueWidth)
  }

  /// Blocks for the query heads of one key head.
  static func tiles(group: Int) -> Int { (group + queryRows - 1) / queryRows }

  /// `attention_memory` of `Attention.cuh`.
  private static func sharedBytes(keyWidth: Int, valueWidth: Int) -> Int {
    4 * (queryRows * (keyWidth + segment + 2 * valueWidth) + 4 * queryRows)
  }
}
