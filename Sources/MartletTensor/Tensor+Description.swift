package import MartletRuntime

extension Tensor: CustomStringConvertible {
  /// Type, shape and device in one line: `f32[2, 3] on cpu`; strides are added where there are gaps.
  package var description: String {
    let gaps = isContiguous ? "" : " with strides \(strides)"
    return "\(dtype.name)\(shape)\(gaps) on \(device)"
  }

  /// The description followed by the elements, at most `edge` from each end of every dimension, as nested brackets.
  package func dump(edge: Int = 3, on runtime: Runtime) throws(TensorError) -> String {
    let values = try hostValues(on: runtime)
    func number(_ value: Double) -> String {
      // Rounding to f64 can take an i64 just past the largest `Int`.
      dtype.isFloatingPoint ? "\(Float(value))" : "\(Int(exactly: value) ?? Int.max)"
    }
    func render(_ dimension: Int, _ start: Int) -> String {
      guard dimension < shape.count else { return number(values[start]) }
      let step = shape.dropFirst(dimension + 1).reduce(1, *)
      let count = shape[dimension]
      var parts: [String] = []
      for index in 0..<count {
        if count > 2 * edge, index == edge { parts.append("…") }
        if count > 2 * edge, index >= edge, index < count - edge { continue }
        parts.append(render(dimension + 1, start + index * step))
      }
      return "[" + parts.joined(separator: ", ") + "]"
    }
    return description + "\n" + render(0, 0)
  }
}
