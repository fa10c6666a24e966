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

  /// Packs projections that read the same input into one, below one another in the order given.
  /// - Parameters:
  ///   - names: the parts' names within `weights`, and their rows.
  ///   - hasBias: whether every part has a bias beside its weight.
  package func projection(
    _ weights: WeightScope, _ names: [(name: String, rows: Int)], columns: Int, hasBias: Bool
  ) throws -> Projection {
    try Projection(
      names.map { name, rows in
        let scope = weights[name]
        let weight = try scope.tensor("weight", shape: [rows, columns])
        let bias = hasBias ? try scope.tensor("bias", shape: [rows]) : nil
        return (try converted(weight), try bias.map { try onDevice(converted($0)) })
      }, on: stream)
  }

  /// Packs one matrix.
  package func pack(_ weight: Tensor) throws -> PackedWeight { try PackedWeight([converted(weight)], on: stream) }

  /// A norm's gain: kept in the file's precision unless the mode rounds weights.
  /// - Throws: `OperatorError` for a quantised one, which no operator reads.
  package func vector(_ tensor: Tensor) throws -> Tensor {
    guard tensor.dtype.isFloatingPoint else {
      throw OperatorError("RMSNorm", "weight", expected: "of type f32, f16 or bf16", found: tensor.description)
    }
    switch compute {
    case .auto: return try copied(tensor)
    case .f32, .f16, .bf16: return try copied(convert(tensor, to: compute.types(for: tensor.dtype).weights))
    }
  }

  /// The weight in the type that the mode calculates with.
  private func converted(_ tensor: Tensor) throws -> Tensor {
    try convert(tensor, to: compute.types(for: tensor.dtype).weights)
  }

  /// A table that operators read as it is: where the file is mapped on the processor, else a copy on the device.
  package func table(_ tensor: Tensor) throws -> Tensor { try onDevice(tensor) }

  private func convert(_ tensor: Tensor, to dtype: DType) throws -> Tensor {
    if tensor.dtype == dtype { return tensor }
    let tensor = try onDevice(tensor)
    let result = try Tensor(tensor.shape, dtype, on: stream.runtime)
    try Convert(tensor, into: result).run(on: stream)
    return result
  }

  private func onDevice(_ tensor: Tensor) throws -> Tensor {
    tensor.device == stream.device ? tensor : try tensor.copy(to: stream.runtime)
  }

  /// A copy in device memory: small vectors should not keep pages of the file.
  private func copied(_ tensor: Tensor) throws -> Tensor { try tensor.copy(to: stream.runtime) }
}
