package import MartletOperators
package import MartletRuntime
package import MartletTensor

/// Brings weights from a source to a device in the types of the chosen ``ComputeType``.
package struct WeightLoader {
  package let compute: ComputeType
  package let stream: Stream

  package init(compute: ComputeType, stream: Stream) {
    self.compute = compute
    self.stream = stream
  }

  /// Packs projections that read the same input into one matrix.
  /// - Note: parts of different types (some files keep single projections in more bits) are brought to f32.
  package func pack(_ parts: [Tensor]) throws -> PackedWeight {
    let converted = try parts.map { try convert($0, to: compute.types(for: $0.dtype).weights) }
    let types = Set(converted.map(\.dtype))
    if types.count == 1 { return try PackedWeight(converted, on: stream) }
    return try PackedWeight(converted.map { try convert($0, to: .f32) }, on: stream)
  }

  /// A norm's gain: kept in the file's precision unless the mode rounds weights.
  package func vector(_ tensor: Tensor) throws -> Tensor {
    switch compute {
    case .auto: try copied(tensor)
    case .f32, .f16, .bf16: try copied(convert(tensor, to: compute.types(for: tensor.dtype).weights))
    }
  }

  /// Biases of projections that were packed together, as one vector; nil if none has any.
  package func bias(_ parts: [Tensor?], sizes: [Int]) throws -> Tensor? {
    guard parts.contains(where: { $0 != nil }) else { return nil }
    let total = sizes.reduce(0, +)
    let result = try Tensor([Float](repeating: 0, count: total), shape: [total], on: stream.runtime)
    var start = 0
    for (part, size) in zip(parts, sizes) {
      if let part { try Convert(part, into: result.slice(0, start..<start + size)).run(on: stream) }
      start += size
    }
    return result
  }

  private func convert(_ tensor: Tensor, to dtype: DType) throws -> Tensor {
    if tensor.dtype == dtype { return tensor }
    let result = try Tensor(tensor.shape, dtype, on: stream.runtime)
    try Convert(tensor, into: result).run(on: stream)
    return result
  }

  /// A copy in device memory: small vectors should not keep pages of the file.
  private func copied(_ tensor: Tensor) throws -> Tensor { try tensor.copy(to: stream.runtime) }
}
