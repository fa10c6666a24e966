package import MartletRuntime
package import MartletTensor

/// The cosines and sines of a step's positions, computed once and read by every layer.
///
/// Shapes: positions `[tokens]` of i32; lengths `[tokens]` of i32, each token's ``RotaryFrequencies/effectiveLength(position:promptLength:)``,
/// or nil where no scaling depends on it; out `[tokens, d]` of f32: d/2 cosines, then d/2 sines.
package struct RotationTable: Operator {
  let positions: Tensor
  let lengths: Tensor?
  let frequencies: RotaryFrequencies
  let out: Tensor

  package init(
    positions: Tensor, lengths: Tensor? = nil, frequencies: RotaryFrequencies, into out: Tensor
  ) throws(OperatorError) {
    let check = Checker("RotationTable")
    try check.dimensions(positions, 1, "positions")
    try check.dtype(positions, .i32, argument: "positions")
    try check.contiguous(positions, "positions")
    if let lengths {
      try check.shape(lengths, positions.shape, "lengths")
      try check.dtype(lengths, .i32, argument: "lengths")
      try check.contiguous(lengths, "lengths")
    }
    try check.shape(out, [positions.shape[0], frequencies.values.count * 2], "out")
    try check.dtype(out, .f32, argument: "out")
    try check.contiguous(out, "out")
    try check.devices(positions, out: out)
    self.positions = positions
    self.lengths = lengths
    self.frequencies = frequencies
    self.out = out
  }

  package func run(on stream: Stream) throws(RuntimeError) {
    switch stream.device.kind {
    case .cpu:
      let half = frequencies.values.count
      stream.pool.forEachRange(positions.shape[0], grain: 16) { tokens, _ in
        for token in tokens {
          let row = out.pointer(as: Float.self) + token * 2 * half
          let position = Int(positions.pointer(as: Int32.self)[token])
          let length = lengths.map { Int($0.pointer(as: Int32.self)[token]) } ?? 0
          frequencies.fill(position: position, length: length, cosines: row, sines: row + half)
        }
      }
    case .cuda, .metax: try runOnGPU(stream)
    }
  }
}
