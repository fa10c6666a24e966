/// The four normalization forms of Unicode (UAX 15).
enum NormalizationForm: String, Sendable {
  case nfc = "NFC"
  case nfd = "NFD"
  case nfkc = "NFKC"
  case nfkd = "NFKD"

  private var composes: Bool { self == .nfc || self == .nfkc }
  private var isCompatible: Bool { self == .nfkc || self == .nfkd }

  /// Appends `text`, which is valid UTF-8, in this form.
  ///
  /// What cannot change is copied in runs; the rest is taken in segments of a scalar and all that may join it.
  func append(_ text: UnsafeBufferPointer<UInt8>, to output: inout [UInt8]) {
    guard let base = text.baseAddress else { return }
    let table = NormalizationTable.shared
    typealias Table = NormalizationTable
    var changing = composes ? Table.changesComposed : Table.decomposes
    if isCompatible { changing |= Table.decomposesCompatibly }
    var segment: [UInt32] = []
    var copied = 0
    var index = 0
    while index < text.count {
      if base[index] < 0x80 && (index + 1 == text.count || base[index + 1] < 0x80) {
        index += 1
        continue
      }
      let (first, length) = Scanner.scalar(base, index)
      var end = index + length
      let isHangul = !composes && first >= 0xAC00 && first < 0xD7A4
      let changes = isHangul || table.flags(first) & changing != 0
      var joins = 0
      while end < text.count, base[end] >= 0x80 {
        let (next, length) = Scanner.scalar(base, end)
        if table.flags(next) & Table.joinsPrevious == 0 { break }
        end += length
        joins += 1
      }
      if changes || joins > 0 {
        output += text[copied..<index]
        segment.removeAll(keepingCapacity: true)
        while index < end {
          let (scalar, length) = Scanner.scalar(base, index)
          table.decompose(scalar, isCompatible: isCompatible, into: &segment)
          index += length
        }
        Self.reorder(&segment, table)
        if composes { Self.compose(&segment, table) }
        for scalar in segment { Self.encode(scalar, into: &output) }
        copied = end
      }
      index = end
    }
    output += text[copied...]
  }

  /// Puts each run of combining scalars in the order of their classes.
  private static func reorder(_ segment: inout [UInt32], _ table: NormalizationTable) {
    var start = 0
    while start < segment.count {
      var end = start
      while end < segment.count, table.combiningClass(segment[end]) != 0 { end += 1 }
      if end - start > 1 {
        // Sorted with their places, so that equal classes keep their order.
        let sorted = segment[start..<end].enumerated()
          .map { (order: UInt64(table.combiningClass($1)) << 32 | UInt64($0), scalar: $1) }
          .sorted { $0.order < $1.order }
        for (offset, entry) in sorted.enumerated() { segment[start + offset] = entry.scalar }
      }
      start = end + 1
    }
  }

  /// The canonical composition algorithm: each scalar composes with the last starter unless one of the same or a higher
  /// class stands between.
  private static func compose(_ segment: inout [UInt32], _ table: NormalizationTable) {
    var written = 0
    var starter: Int?
    var lastClass: UInt8 = 0
    for scalar in segment {
      let combiningClass = table.combiningClass(scalar)
      if let place = starter {
        let isAdjacent = written == place + 1
        if isAdjacent || lastClass < combiningClass, let both = table.composition(segment[place], scalar) {
          segment[place] = both
          continue
        }
      }
      if combiningClass == 0 { starter = written }
      lastClass = combiningClass
      segment[written] = scalar
      written += 1
    }
    segment.removeLast(segment.count - written)
  }

  /// Appends `scalar` as UTF-8.
  static func encode(_ scalar: UInt32, into output: inout [UInt8]) {
    guard let scalar = Unicode.Scalar(scalar) else { return }
    output += UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter
  }
}
