internal import MartletRuntime
internal import MartletTensor

/// Whether two tensors share memory, so that an operator that writes one while it reads the other would go wrong.
extension Tensor {
  /// The first element's address. Addresses only mean something on one device.
  private var address: UInt { UInt(bitPattern: storage.pointer) &+ UInt(bitPattern: layout.offset * dtype.blockBytes) }

  /// Distances in bytes and extents of the dimensions in which the tensor moves.
  private var steps: [(extent: Int, stride: Int)] {
    zip(layout.shape, layout.strides).filter { $0.0 > 1 }.map { ($0.0, $0.1 * dtype.blockBytes) }
  }

  /// Whether both are the same elements at the same places.
  func isSame(as other: Tensor) -> Bool {
    address == other.address && dtype == other.dtype && device == other.device && shape == other.shape
      && zip(steps, other.steps).allSatisfy { $0 == $1 }
  }

  /// Whether an element of one may lie in an element of the other.
  ///
  /// The ranges of bytes from the first element to the last decide, except that columns of one matrix are apart though
  /// their ranges are not: where both tensors move by multiples of one distance and, for the rest, keep to windows of it
  /// that do not meet.
  /// - Precondition: both layouts lie within memory that has addresses.
  func mayOverlap(_ other: Tensor) -> Bool {
    guard elementCount > 0, other.elementCount > 0, device == other.device else { return false }
    let (steps, others) = (steps, other.steps)
    // Differences wrap around, so that no address is too high.
    let ahead = other.address &- address
    let length = Self.reach(steps) + dtype.blockBytes
    let otherLength = Self.reach(others) + other.dtype.blockBytes
    guard ahead < UInt(length) || 0 &- ahead < UInt(otherLength) else { return false }
    return !steps.contains { _, window in
      guard window > 0 else { return false }
      let width = Self.reach(steps.filter { $0.stride % window != 0 }) + dtype.blockBytes
      let otherWidth = Self.reach(others.filter { $0.stride % window != 0 }) + other.dtype.blockBytes
      let remainder = Int(bitPattern: ahead) % window
      let start = remainder < 0 ? remainder + window : remainder
      return width <= start && otherWidth <= window - start
    }
  }

  /// Bytes from the beginning of the first element to that of the furthest one.
  private static func reach(_ steps: [(extent: Int, stride: Int)]) -> Int {
    steps.reduce(0) { $0 + ($1.extent - 1) * $1.stride }
  }
}
