internal import CMartletSIMD
package import MartletRuntime
package import MartletTensor

/// Keys and values of one layer in blocks of 16 tokens, which any sequence may own in any order.
/// (Kwon et al. 2023, "PagedAttention".)
///
/// On the processor, keys are `[blocks, keyHeads, headDimension, 16]`: transposed, so that a block is a panel of a matrix
/// product. Values are `[blocks, keyHeads, 16, paddedDimension]` with the dimension padded to a multiple of 16 by zeros.
package struct PagedCache: Sendable {
  /// Tokens in a block.
  package static let blockSize = Int(MARTLET_KV_BLOCK)

  package let blockCount: Int
  package let keyHeads: Int
  package let headDimension: Int
  package let keys: Tensor
  package let values: Tensor

  package var dtype: DType { keys.dtype }
  package var paddedDimension: Int { values.shape[3] }

  /// Bytes that one block takes in one layer, keys and values together.
  package static func blockBytes(keyHeads: Int, headDimension: Int, _ dtype: DType) -> Int {
    keyHeads * blockSize * (headDimension + padded(headDimension)) * dtype.blockBytes
  }

  private static func padded(_ headDimension: Int) -> Int { (headDimension + 15) & ~15 }

  /// Takes memory for so many blocks; nothing in it is read before it was written.
  package init(
    blockCount: Int, keyHeads: Int, headDimension: Int, _ dtype: DType, on runtime: Runtime
  ) throws(TensorError) {
    self.blockCount = blockCount
    self.keyHeads = keyHeads
    self.headDimension = headDimension
    keys = try Tensor([blockCount, keyHeads, headDimension, Self.blockSize], dtype, on: runtime)
    values = try Tensor([blockCount, keyHeads, Self.blockSize, Self.padded(headDimension)], dtype, on: runtime)
  }
}
