/// How one token is chosen from a row of logits: temperature, top-k, top-p and min-p, in this order, and a random number that
/// is a function of the seed and the token's position alone.
///
/// The meaning of each is that of Hugging Face transformers' logits processors. All arithmetic is defined to the bit, so that
/// every device chooses the same token: a token's weight is an integer (``weight(distance:)``), so sums do not depend on their order,
/// and tokens are drawn in the order of their ids.
package struct SamplingRule: Hashable, Sendable {
  /// Divides the logits; 0 takes the largest logit, the first of equal ones.
  package var temperature: Float
  /// Keeps the `topK` highest logits and whatever ties with the last of them; 0 keeps all.
  package var topK: Int32
  /// Keeps the most probable tokens, equal ones by id, until their weights reach this share of all; 1 keeps all.
  package var topP: Float
  /// Keeps tokens at least so many times as probable as the most probable one; 0 keeps all.
  package var minP: Float
  package var seed: UInt64
  /// Where the token comes to stand in its sequence.
  package var position: UInt64

  /// Values must be valid: `temperature` at least 0 and finite, `topK` at least 0, `topP` above 0 and at most 1, `minP` from
  /// 0 to 1.
  package init(
    temperature: Float = 0, topK: Int32 = 0, topP: Float = 1, minP: Float = 0, seed: UInt64 = 0, position: UInt64 = 0
  ) {
    self.temperature = temperature
    self.topK = topK
    self.topP = topP
    self.minP = minP
    self.seed = seed
    self.position = position
  }

  // MARK: Numbers that devices agree on

  /// The weight of the most probable token. Those of 2^22 tokens add up to less than 2^63.
  package static let unit: UInt64 = 1 << 40
  /// The most tokens that a row may have.
  package static let mostTokens = 1 << 22
  /// From here on a weight is 0: 40 · ln 2 is 27.7.
  private static let reach: Float = 28

  /// exp(-distance) in units of 2^-40, to eight digits and never rising (all distances in fixed point were tried), in
  /// integers alone.
  ///
  /// The distance is brought to base two in fixed point; the power of its fraction is a polynomial of degree six that
  /// is exactly 1 at 0 and 1/2 at 1, with the least relative error in between (2.2e-9). A distance that is NaN has no weight.
  @inline(__always)
  package static func weight(distance: Float) -> UInt64 {
    guard distance < reach else { return 0 }
    let exponent = UInt64(UInt32(distance * 0x1p27)) &* 3_098_164_009  // log2(e) in units of 2^-31
    let fraction = UInt64(UInt32(truncatingIfNeeded: exponent >> 26))
    var power: UInt64 = 233_163
    power = 2_734_809 - (fraction &* power) >> 32
    power = 20_568_337 - (fraction &* power) >> 32
    power = 119_164_179 - (fraction &* power) >> 32
    power = 515_877_632 - (fraction &* power) >> 32
    power = 1_488_521_968 - (fraction &* power) >> 32
    power = 2_147_483_648 - (fraction &* power) >> 32
    return (power << 9) >> (exponent >> 58)
  }

  /// A token's weight; `highest` is the row's largest logit and finite.
  @inline(__always)
  func weight(_ logit: Float, highest: Float) -> UInt64 {
    Self.weight(distance: (highest - logit) / temperature)
  }

  /// Whether min-p keeps a weight. One of 0 is never kept.
  @inline(__always)
  func keeps(_ weight: UInt64) -> Bool { weight > 0 && Double(weight) >= Double(minP) * Double(Self.unit) }

  /// Whether top-p is satisfied by what was kept before a token, of tokens that weigh `mass` together.
  @inline(__always)
  func isReached(_ before: UInt64, of mass: UInt64) -> Bool { Double(before) >= Double(topP) * Double(mass) }

  /// A number from 0 up to but not including `mass`: the token is drawn at which the sum of weights passes it.
  func target(of mass: UInt64) -> UInt64 {
    Philox.word(seed: seed, position: position).multipliedFullWidth(by: mass).high
  }

  // MARK: As devices read it

  /// 32-bit words of a rule in device memory: the fields of `martlet_gpu_sampling`.
  package static let wordCount = 8

  package var words: [Int32] {
    [Int32(bitPattern: temperature.bitPattern), topK] + [topP, minP].map { Int32(bitPattern: $0.bitPattern) }
      + [seed, seed >> 32, position, position >> 32].map { Int32(truncatingIfNeeded: $0) }
  }

  /// The rule that `wordCount` words say.
  init(words: UnsafePointer<Int32>) {
    func float(_ index: Int) -> Float { Float(bitPattern: UInt32(bitPattern: words[index])) }
    func wide(_ index: Int) -> UInt64 {
      UInt64(UInt32(bitPattern: words[index])) | UInt64(UInt32(bitPattern: words[index + 1])) << 32
    }
    self.init(
      temperature: float(0), topK: words[1], topP: float(2), minP: float(3), seed: wide(4), position: wide(6))
  }
}
