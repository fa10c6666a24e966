import Glibc

/// The speeds at which the pairs of a head turn, one for each of its d/2 pairs, in radians a token.
package struct RotaryFrequencies: Sendable, Equatable {
  /// `values[i]` turns the pair (i, i + d/2).
  package let values: [Float]
  /// Factor on sines and cosines; 1 except for scalings that change the attention's temperature.
  package let amplitude: Float

  /// The speeds `1 / theta^(2i/d)`, rounded to f32 once, as transformers computes them.
  /// - Parameter factors: what each speed is divided by, d/2 numbers: how GGUF files carry Llama 3.1's scaling.
  package init(theta: Float, headDimension: Int, factors: [Float]? = nil) {
    precondition(factors.map { $0.count == headDimension / 2 } ?? true, "one factor a pair")
    values = (0..<headDimension / 2).map { index in
      let exponent = Float(2 * index) / Float(headDimension)
      return 1 / Float(pow(Double(theta), Double(exponent))) / (factors?[index] ?? 1)
    }
    amplitude = 1
  }

  /// Fills one row of cosines and sines for a position. The angle is formed in f32, as in transformers, which matters
  /// at thousands of tokens.
  func fill(position: Int, cosines: UnsafeMutablePointer<Float>, sines: UnsafeMutablePointer<Float>) {
    for index in values.indices {
      let angle = Float(position) * values[index]
      cosines[index] = cosf(angle) * amplitude
      sines[index] = sinf(angle) * amplitude
    }
  }
}
