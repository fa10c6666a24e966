/// Random texts, the same ones that `scripts/goldens/tokenizer_fuzz_digests.py` makes: a change here needs one there.
struct RandomTexts {
  /// What texts are put together from, as code points.
  private let alphabets: [String: [[UInt32]]]

  init(alphabets: [String: [String]]) {
    self.alphabets = alphabets.mapValues { $0.map { $0.unicodeScalars.map(\.value) } }
  }

  /// The text of this number in bytes, and the draws that follow it. Halves of surrogate pairs stand there as the three bytes
  /// that their number would take.
  func text(_ number: Int) -> (bytes: [UInt8], draws: Draws) {
    var draws = Draws(number: number)
    let isLong = draws.below(6) == 0
    let length = 1 + draws.below(isLong ? 200 : 40)
    var points: [UInt32] = []
    while points.count < length { appendPiece(to: &points, &draws) }
    var bytes: [UInt8] = []
    for point in points.prefix(length) { Self.append(point, to: &bytes) }
    return (bytes, draws)
  }

  private func appendPiece(to points: inout [UInt32], _ draws: inout Draws) {
    func appendChoice(_ name: String, times: (inout Draws) -> Int = { _ in 1 }) {
      guard let choices = alphabets[name] else { return }
      let choice = choices[draws.below(choices.count)]
      for _ in 0..<times(&draws) { points += choice }
    }
    switch draws.below(100) {
    case ..<28: appendChoice("words")
    case ..<43: appendChoice("spaces") { 1 + $0.below(3) }
    case ..<53:
      for _ in 0...draws.below(7) { points.append(0x20 + UInt32(draws.below(0x5F))) }
    case ..<60:
      for _ in 0...draws.below(5) { appendChoice("digits") }
    case ..<67: appendChoice("emoji")
    case ..<73:
      points.append(0x61 + UInt32(draws.below(26)))
      for _ in 0...draws.below(3) { appendChoice("marks") }
    case ..<79: points.append(draws.scalar(0x3000))
    case ..<84:
      for _ in 0...draws.below(3) { points.append(draws.scalar(0x20000)) }
    case ..<88: points.append(draws.scalar(0x110000))
    case ..<93: appendChoice("special")
    case ..<95: appendChoice("controls")
    case ..<97: points.append(0xD800 + UInt32(draws.below(0x800)))
    default: appendChoice("repeated") { 1 + $0.below(60) }
    }
  }

  private static func append(_ point: UInt32, to bytes: inout [UInt8]) {
    func continuation(_ shift: UInt32) -> UInt8 { UInt8(0x80 | point >> shift & 0x3F) }
    switch point {
    case ..<0x80: bytes.append(UInt8(point))
    case ..<0x800: bytes += [UInt8(0xC0 | point >> 6), continuation(0)]
    case ..<0x10000: bytes += [UInt8(0xE0 | point >> 12), continuation(6), continuation(0)]
    default: bytes += [UInt8(0xF0 | point >> 18), continuation(12), continuation(6), continuation(0)]
    }
  }
}

/// splitmix64 (Steele, Lea and Flood 2014), one sequence for each number.
struct Draws {
  private var state: UInt64

  init(number: Int) { state = UInt64(number) &* 0xD134_2543_DE82_EF95 &+ 0x2545_F491_4F6C_DD1D }

  mutating func below(_ limit: Int) -> Int {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return Int((mixed ^ (mixed >> 31)) % UInt64(limit))
  }

  mutating func scalar(_ limit: Int) -> UInt32 {
    while true {
      let value = UInt32(below(limit))
      if !(0xD800..<0xE000).contains(value) { return value }
    }
  }
}

/// CRC-32 as in zlib.
struct CRC32 {
  private static let table = (0..<256).map { (byte: UInt32) in
    (0..<8).reduce(byte) { sum, _ in sum & 1 == 1 ? 0xEDB8_8320 ^ sum >> 1 : sum >> 1 }
  }
  private var state = UInt32.max

  /// The checksum as eight hexadecimal digits.
  var text: String {
    let digits = String(~state, radix: 16)
    return String(repeating: "0", count: 8 - digits.utf8.count) + digits
  }

  mutating func add(_ byte: UInt8) {
    state = Self.table[Int(UInt8(truncatingIfNeeded: state) ^ byte)] ^ state >> 8
  }

  /// Ids as 4 bytes each, and four of 0xFF.
  mutating func add(row ids: [Int32]) {
    for id in ids { for shift in stride(from: 0, to: 32, by: 8) { add(UInt8(truncatingIfNeeded: id >> Int32(shift))) } }
    for _ in 0..<4 { add(0xFF) }
  }

  /// A text in UTF-8, and 0xFF.
  mutating func add(row text: String) {
    for byte in text.utf8 { add(byte) }
    add(0xFF)
  }
}
