import MartletRuntime
import MartletTensor

/// Keeps borrowed bytes alive.
private final class Owner {
  let bytes: UnsafeMutableRawBufferPointer

  init(byteCount: Int) {
    bytes = .allocate(byteCount: byteCount, alignment: 64)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
  }

  deinit { bytes.deallocate() }
}

/// A tensor of zeros that must not be written, as in a mapped file.
func readOnly(_ shape: Shape, _ dtype: DType) throws -> Tensor {
  let bytes = dtype.byteCount(elements: shape.reduce(1, *)) ?? 0
  let owner = Owner(byteCount: bytes)
  let storage = Storage(borrowing: UnsafeRawBufferPointer(owner.bytes), owner: owner)
  return try Tensor(storage: storage, dtype: dtype, layout: Layout(contiguous: shape))
}
