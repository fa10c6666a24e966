/// A piece of memory on one device, freed when the last tensor that looks at it goes away.
///
/// `@unchecked Sendable`: the pointer, size and device never change after `init`. The bytes behind the pointer are
/// written only by work on a ``Stream``, whose order is the order of accesses; two streams that share a storage must
/// be ordered by their owner, exactly as on a GPU.
package final class Storage: @unchecked Sendable {
  /// The device whose memory this is.
  package let device: Device
  /// The first byte.
  package let pointer: UnsafeMutableRawPointer
  /// How many bytes may be used.
  package let byteCount: Int
  /// Whether the bytes may be written; false for a mapped file.
  package let isWritable: Bool

  private enum Owner {
    case allocator(any Allocator)
    case object(AnyObject)
  }
  private let owner: Owner

  /// Takes fresh memory from the runtime's allocator; its contents are undefined.
  package init(byteCount: Int, on runtime: Runtime) throws(RuntimeError) {
    self.device = runtime.device
    self.byteCount = byteCount
    self.pointer = try runtime.allocator.allocate(bytes: byteCount)
    self.isWritable = true
    self.owner = .allocator(runtime.allocator)
  }

  /// Looks at memory that `owner` keeps alive, without copying: a mapped file, another library's array, on the host or on
  /// the device named.
  package init(
    borrowing bytes: UnsafeRawBufferPointer, owner: AnyObject, isWritable: Bool = false, on device: Device = .cpu
  ) {
    self.device = device
    self.byteCount = bytes.count
    // An empty file section has no address; any non-null one does, since nothing is ever read from it.
    self.pointer = UnsafeMutableRawPointer(mutating: bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 64)!)
    self.isWritable = isWritable
    self.owner = .object(owner)
  }

  deinit {
    switch owner {
    case .allocator(let allocator): allocator.deallocate(pointer, bytes: byteCount)
    case .object: break
    }
  }
}
