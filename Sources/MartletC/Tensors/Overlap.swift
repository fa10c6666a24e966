internal import MartletRuntime
internal import MartletTensor

/// Whether two tensors share memory, so that an operator that writes one while it reads the other would go wrong.
extension TensorObject {
  /// The first element's address. Addresses only mean something on one device.
  private var address: UInt { UInt(bitPattern: data) }

  /// Distances in bytes and extents of the dimensions in which the tensor moves.
  private var steps: [(extent: Int, stride: Int)] {
    zip(layout.shape, layout.strides).filter { $0.0 > 1 }.map { ($0.0, $0.1 * type.size) }
  }

  /// Whether both are the same elements at the same places.
  func isSame(as other: TensorObject) -> Bool {
    guard address == other.address, type == other.type, device == other.device, shape == other.shape else {
      return false
    }
    // How far apart the only one of its kind is from the next does not matter.
    for dimension in shape.indices where shape[dimension] > 1 {
      if layout.strides[dimension] != other.layout.strides[dimension] { return false }
    }
    return true
  }

  /// Whether an element of one may lie in an element of the other, where their bytes from the first to the last meet.
  ///
  /// Columns of one matrix are apart all the same: where both tensors move by multiples of one distance and, for the rest,
  /// keep to windows of it that do not meet.
  func overlaps(_ other: TensorObject) -> Bool {
    guard device == other.device else { return false }
    if isSame(as: other) { return true }
    let (steps, others) = (steps, other.steps)
    // Differences wrap around, so that no address is too high.
    let ahead = Int(bitPattern: other.address &- address)
    return !steps.contains { _, window in
      guard window > 0 else { return false }
      let width = Self.reach(steps.filter { $0.stride % window != 0 }) + type.size
      let otherWidth = Self.reach(others.filter { $0.stride % window != 0 }) + other.type.size
      let remainder = ahead % window
      let start = remainder < 0 ? remainder + window : remainder
      return width <= start && otherWidth <= window - start
    }
  }

  /// Bytes from the beginning of the first element to that of the furthest one.
  private static func reach(_ steps: [(extent: Int, stride: Int)]) -> Int {
    steps.reduce(0) { $0 + ($1.extent - 1) * $1.stride }
  }
}
