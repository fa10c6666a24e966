import Glibc

/// How the angle of a pair is rounded to f32. The two differ in the last bit of an angle, which at thousands of tokens is
/// the fourth digit of its sine.
package enum RotaryAngle: Sendable {
  /// The position times the rounded speed, as transformers calculates.
  case product
  /// The position divided by the rounded `theta^(2i/d)`, as LLAISYS's tests calculate.
  case quotient
}

/// The speeds at which the pairs of a head turn, one for each of its d/2 pairs, in radians a token.
///
/// Speeds, angles, cosines and sines are f32, each rounded where transformers rounds it: at thousands of tokens an
/// angle that is more exact would be another one.
package struct RotaryFrequencies: Sendable, Equatable {
  /// `values[i]` turns the pair (i, i + d/2), for texts within the trained context.
  package let values: [Float]
  /// Factor on sines and cosines; 1 except for scalings that change the attention's temperature.
  package let amplitude: Float

  private let theta: Float
  private let scaling: RotaryScaling
  /// `theta^(2i/d)` where angles are quotients.
  private let periods: [Float]?

  /// The speeds `1 / theta^(2i/d)`, unscaled, and how angles are made of them.
  init(theta: Float, headDimension: Int, angle: RotaryAngle) {
    self.theta = theta
    scaling = .none
    values = Self.speeds(Double(theta), headDimension)
    amplitude = 1
    periods = angle == .product ? nil : Self.periods(Double(theta), headDimension)
  }

  /// The speeds `1 / theta^(2i/d)`, scaled; angles are products.
  package init(theta: Float, headDimension: Int, scaling: RotaryScaling = .none) {
    periods = nil
    self.theta = theta
    self.scaling = scaling
    let plain = Self.speeds(Double(theta), headDimension)
    switch scaling {
    case .none, .dynamic: (values, amplitude) = (plain, 1)
    case .linear(let factor): (values, amplitude) = (plain.map { $0 / factor }, 1)
    case .factors(let factors):
      precondition(factors.count == plain.count, "one factor a pair")
      (values, amplitude) = (zip(plain, factors).map { $0 / $1 }, 1)
    case .yarn(let yarn):
      values = yarn.values(theta: Double(theta), dimension: headDimension)
      amplitude = Float(yarn.attentionFactor)
    case .llama3(let factor, let low, let high, let context):
      values = plain.map { speed in
        let wavelength = Float(2 * Double.pi) / speed
        if wavelength > context / low { return speed / factor }
        if wavelength < context / high { return speed }
        let smooth = (context / wavelength - low) / (high - low)
        return (1 - smooth) * speed / factor + smooth * speed
      }
      amplitude = 1
    }
  }

  private static func speeds(_ theta: Double, _ headDimension: Int) -> [Float] {
    periods(theta, headDimension).map { 1 / $0 }
  }

  private static func periods(_ theta: Double, _ headDimension: Int) -> [Float] {
    (0..<headDimension / 2).map { index in Float(pow(theta, Double(Float(2 * index) / Float(headDimension)))) }
  }

  /// The trained context if a token's speeds depend on the length of the text beyond it, and not on the token's position
  /// alone; else nil.
  package var lengthDependentContext: Int? {
    if case .dynamic(_, let context) = scaling { context } else { nil }
  }

  /// The length that counts for a token: transformers turns a prompt by the prompt's whole length, and each later token
  /// by the length of the text so far; up to the trained context all lengths are alike (0).
  package func effectiveLength(position: Int, promptLength: Int) -> Int {
    guard let context = lengthDependentContext else { return 0 }
    let length = max(position + 1, promptLength)
    return length > context ? length : 0
  }

  /// What ``values(length:)`` is made of, if speeds depend on the length.
  var lengthScaling: (theta: Double, factor: Double, context: Double)? {
    guard case .dynamic(let factor, let context) = scaling else { return nil }
    return (Double(theta), factor, Double(context))
  }

  /// The speeds for a text of an effective length.
  func values(length: Int) -> [Float] {
    guard case .dynamic(let factor, let context) = scaling, length > context else { return values }
    let dimension = Double(values.count * 2)
    let stretch = factor * Double(length) / Double(context) - (factor - 1)
    return Self.speeds(Double(theta) * pow(stretch, dimension / (dimension - 2)), values.count * 2)
  }

  /// Fills one row of cosines and sines for a position.
  func fill(
    position: Int, length: Int = 0, cosines: UnsafeMutablePointer<Float>, sines: UnsafeMutablePointer<Float>
  ) {
    let values = length == 0 ? values : self.values(length: length)
    for index in values.indices {
      let angle = periods.map { Float(position) / $0[index] } ?? Float(position) * values[index]
      cosines[index] = cosf(angle) * amplitude
      sines[index] = sinf(angle) * amplitude
    }
  }
}
