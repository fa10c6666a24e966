/// What the normalizers know about scalars. The tables beside this file come from Hugging Face tokenizers (see
/// `scripts/goldens/normalization_tables.py`) rather than from the Swift runtime, whose Unicode version may be another.
/// They are text, hexadecimal numbers with `;` after each entry, and are read once, when the first vocabulary needs them.
struct NormalizationTable: Sendable {
  /// Has a canonical decomposition.
  static let decomposes: UInt8 = 1 << 0
  /// Has a compatibility decomposition other than the canonical one.
  static let decomposesCompatibly: UInt8 = 1 << 1
  /// May change with, or move before, what stands before it.
  static let joinsPrevious: UInt8 = 1 << 2
  /// Standing alone, is something else in NFC.
  static let changesComposed: UInt8 = 1 << 3

  private let pageNumbers: [UInt8]
  private let pages: [UInt8]
  private let classes: [UInt32: UInt8]
  private let canonical: [UInt32: [UInt32]]
  private let compatibility: [UInt32: [UInt32]]
  private let pairs: [UInt64: UInt32]

  /// The table, made when first asked for.
  static let shared = NormalizationTable()

  private init() {
    var classes: [UInt32: UInt8] = [:]
    var canonical: [UInt32: [UInt32]] = [:]
    var compatibility: [UInt32: [UInt32]] = [:]
    var pairs: [UInt64: UInt32] = [:]
    var flags = [UInt8](repeating: 0, count: 0x11_0000)
    Self.forEachEntry(of: Self.combiningClasses) { entry in
      for scalar in entry[1]...entry[2] {
        classes[scalar] = UInt8(truncatingIfNeeded: entry[0])
        flags[Int(scalar)] |= Self.joinsPrevious
      }
    }
    Self.forEachEntry(of: Self.compositions) { entry in
      pairs[Self.key(entry[0], entry[1])] = entry[2]
      flags[Int(entry[1])] |= Self.joinsPrevious
    }
    let composed = Set(pairs.values)
    for scalar in Hangul.vowels.lowerBound..<Hangul.trails.upperBound where !Hangul.gap.contains(scalar) {
      flags[Int(scalar)] |= Self.joinsPrevious
    }
    Self.forEachEntry(of: Self.canonical) { entry in
      canonical[entry[0]] = Array(entry.dropFirst())
      flags[Int(entry[0])] |= Self.decomposes
      if !composed.contains(entry[0]) { flags[Int(entry[0])] |= Self.changesComposed }
    }
    for part in [Self.compatibilityLow, Self.compatibilityHigh] {
      Self.forEachEntry(of: part) { entry in
        compatibility[entry[0]] = Array(entry.dropFirst())
        flags[Int(entry[0])] |= Self.decomposesCompatibly
      }
    }
    for (scalar, parts) in canonical.merging(compatibility, uniquingKeysWith: { first, _ in first }) {
      if flags[Int(parts[0])] & Self.joinsPrevious != 0 { flags[Int(scalar)] |= Self.joinsPrevious }
    }
    self.classes = classes
    self.canonical = canonical
    self.compatibility = compatibility
    self.pairs = pairs
    (pageNumbers, pages) = Self.compressed(flags)
  }

  /// Two stages: for each 256 scalars the number of a page, and the pages, equal ones kept once.
  private static func compressed(_ flags: [UInt8]) -> (numbers: [UInt8], pages: [UInt8]) {
    var numbers: [UInt8] = []
    var pages: [UInt8] = []
    var known: [ArraySlice<UInt8>: UInt8] = [:]
    for start in stride(from: 0, to: flags.count, by: 256) {
      let page = flags[start..<start + 256]
      if let number = known[page] {
        numbers.append(number)
        continue
      }
      let number = UInt8(truncatingIfNeeded: pages.count / 256)
      known[page] = number
      numbers.append(number)
      pages += page
    }
    return (numbers, pages)
  }

  /// The bits of `scalar`.
  @inline(__always)
  func flags(_ scalar: UInt32) -> UInt8 { pages[Int(pageNumbers[Int(scalar >> 8)]) << 8 | Int(scalar & 0xFF)] }

  /// The canonical combining class of `scalar`.
  func combiningClass(_ scalar: UInt32) -> UInt8 { classes[scalar] ?? 0 }

  /// Appends the full decomposition of `scalar`.
  func decompose(_ scalar: UInt32, isCompatible: Bool, into output: inout [UInt32]) {
    if isCompatible, let parts = compatibility[scalar] {
      output += parts
    } else if let parts = canonical[scalar] {
      output += parts
    } else if !Hangul.decompose(scalar, into: &output) {
      output.append(scalar)
    }
  }

  /// What `first` and `second` compose to.
  func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
    Hangul.composition(first, second) ?? pairs[Self.key(first, second)]
  }

  private static func key(_ first: UInt32, _ second: UInt32) -> UInt64 { UInt64(first) << 32 | UInt64(second) }

  /// Calls `body` with the numbers of each entry of `text`.
  static func forEachEntry(of text: StaticString, _ body: ([UInt32]) -> Void) {
    var entry: [UInt32] = []
    var number: UInt32 = 0
    for byte in UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount) {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): number = number << 4 | UInt32(byte - UInt8(ascii: "0"))
      case UInt8(ascii: "a")...UInt8(ascii: "f"): number = number << 4 | UInt32(byte - UInt8(ascii: "a") + 10)
      case UInt8(ascii: " "):
        entry.append(number)
        number = 0
      case UInt8(ascii: ";"):
        entry.append(number)
        number = 0
        body(entry)
        entry.removeAll(keepingCapacity: true)
      default: break
      }
    }
  }
}

/// The composition of Hangul syllables by rule (Unicode 16, section 3.12).
enum Hangul {
  private static let syllables: Range<UInt32> = 0xAC00..<0xD7A4
  private static let leads: Range<UInt32> = 0x1100..<0x1113
  static let vowels: Range<UInt32> = 0x1161..<0x1176
  /// Of 28 places the first means that there is none.
  static let trails: Range<UInt32> = 0x11A8..<0x11C3
  /// Between vowels and trails: letters that never compose.
  static let gap: Range<UInt32> = 0x1176..<0x11A8

  static func decompose(_ scalar: UInt32, into output: inout [UInt32]) -> Bool {
    guard syllables.contains(scalar) else { return false }
    let index = scalar - syllables.lowerBound
    output.append(leads.lowerBound + index / 588)
    output.append(vowels.lowerBound + index % 588 / 28)
    if index % 28 != 0 { output.append(trails.lowerBound - 1 + index % 28) }
    return true
  }

  static func composition(_ first: UInt32, _ second: UInt32) -> UInt32? {
    if leads.contains(first), vowels.contains(second) {
      return syllables.lowerBound + ((first - leads.lowerBound) * 21 + second - vowels.lowerBound) * 28
    }
    if syllables.contains(first), (first - syllables.lowerBound) % 28 == 0, trails.contains(second) {
      return first + second - trails.lowerBound + 1
    }
    return nil
  }
}
