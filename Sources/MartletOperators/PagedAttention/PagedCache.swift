internal import CMartletSIMD
package import MartletRuntime
package import MartletTensor

/// Keys and values of one layer in blocks of 16 tokens, which any sequence may own in any order.
/// (Kwon et al. 2023, "PagedAttention".)
///
/// On the processor, keys are `[blocks, keyHeads, headDimension, 16]`: transposed, so that a block is a panel of a matrix
/// product. Values are `[blocks, keyHeads, 16, paddedDimension]` with the dimension padded to a multiple of 16 by zeros.
///
/// On a GPU keys lie as values do, `[blocks, keyHeads, 16, paddedDimension]`.
///
/// In Q8_0 a token's 32 neighbouring dimensions of a head share an f16 scale, which lies behind the head's bytes in the
/// block (`martlet_kv_view`); tensors are then bytes, `[blocks, keyHeads, bytes of a head]`.
package struct PagedCache: Sendable {
  /// Tokens in a block.
  package static let blockSize = Int(MARTLET_KV_BLOCK)

  package let blockCount: Int
  package let keyHeads: Int
  package let headDimension: Int
  /// f32, f16, bf16 or Q8_0.
  package let dtype: DType
  package let keys: Tensor
  package let values: Tensor

  package var paddedDimension: Int { Self.padded(headDimension) }

  /// Bytes of one head's keys in a block.
  var keyBytes: Int { martlet_kv_bytes(dtype.code, keys.device.kind == .cpu ? headDimension : paddedDimension) }
  /// Bytes of one head's values in a block.
  var valueBytes: Int { martlet_kv_bytes(dtype.code, paddedDimension) }

  /// Bytes that one block takes in one layer, keys and values together.
  package static func blockBytes(keyHeads: Int, headDimension: Int, _ dtype: DType) -> Int {
    keyHeads * (martlet_kv_bytes(dtype.code, headDimension) + martlet_kv_bytes(dtype.code, padded(headDimension)))
  }

  private static func padded(_ headDimension: Int) -> Int { (headDimension + 15) & ~15 }

  /// Takes memory for so many blocks; nothing in it is read before it was written.
  package init(
    blockCount: Int, keyHeads: Int, headDimension: Int, _ dtype: DType, on runtime: Runtime
  ) throws(TensorError) {
    self.blockCount = blockCount
    self.keyHeads = keyHeads
    self.headDimension = headDimension
    self.dtype = dtype
    let padded = Self.padded(headDimension)
    let keyDimension = runtime.device.kind == .cpu ? headDimension : padded
    if dtype == .q8_0 {
      keys = try Tensor([blockCount, keyHeads, martlet_kv_bytes(dtype.code, keyDimension)], .u8, on: runtime)
      values = try Tensor([blockCount, keyHeads, martlet_kv_bytes(dtype.code, padded)], .u8, on: runtime)
    } else {
      keys = try Tensor(
        runtime.device.kind == .cpu
          ? [blockCount, keyHeads, headDimension, Self.blockSize] : [blockCount, keyHeads, Self.blockSize, padded],
        dtype, on: runtime)
      values = try Tensor([blockCount, keyHeads, Self.blockSize, padded], dtype, on: runtime)
    }
  }
}
