import Glibc

/// How a model that was trained on short texts turns its heads on longer ones: `rope_type` of transformers'
/// configurations, whose formulas these are (`modeling_rope_utils.py`).
package enum RotaryScaling: Sendable, Equatable {
  /// All speeds as trained.
  case none
  /// All speeds divided by a factor. (Chen et al. 2023.)
  case linear(factor: Float)
  /// The base grows with the length of the text beyond what was trained: see ``RotaryFrequencies``.
  case dynamic(factor: Double, originalContext: Int)
  /// Slow pairs divided, fast ones kept, a ramp between; the attention's temperature raised. (Peng et al. 2023.)
  case yarn(Yarn)
  /// Slow pairs divided, fast ones kept, a ramp over wavelengths between. (Llama 3.1.)
  case llama3(factor: Float, lowFrequencyFactor: Float, highFrequencyFactor: Float, originalContext: Float)
  /// Every speed divided by a number of its own: how GGUF files carry Llama 3.1's scaling.
  case factors([Float])

  /// What YaRN needs.
  package struct Yarn: Sendable, Equatable {
    package var factor: Double
    package var originalContext: Double
    package var betaFast = 32.0
    package var betaSlow = 1.0
    package var attentionFactor: Double
    package var truncates = true

    package init(
      factor: Double, originalContext: Double, betaFast: Double = 32, betaSlow: Double = 1, attentionFactor: Double,
      truncates: Bool = true
    ) {
      self.factor = factor
      self.originalContext = originalContext
      self.betaFast = betaFast
      self.betaSlow = betaSlow
      self.attentionFactor = attentionFactor
      self.truncates = truncates
    }

    /// The attention factor that the paper recommends: `0.1 ln(factor) · scale + 1`.
    package static func attentionFactor(_ factor: Double, scale: Double = 1) -> Double {
      factor <= 1 ? 1 : 0.1 * scale * log(factor) + 1
    }
  }
}

extension RotaryScaling.Yarn {
  /// The scaled speeds.
  func values(theta: Double, dimension: Int) -> [Float] {
    func correction(_ rotations: Double) -> Double {
      Double(dimension) * log(originalContext / (rotations * 2 * Double.pi)) / (2 * log(theta))
    }
    var (low, high) = (correction(betaFast), correction(betaSlow))
    if truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
    low = max(low, 0)
    high = min(high, Double(dimension - 1))
    if low == high { high += 0.001 }
    return (0..<dimension / 2).map { index in
      let speed = Float(pow(theta, Double(Float(2 * index) / Float(dimension))))
      let ramp = min(max((Float(index) - Float(low)) / Float(high - low), 0), 1)
      let kept = 1 - ramp
      return (1 / (Float(factor) * speed)) * (1 - kept) + (1 / speed) * kept
    }
  }
}
