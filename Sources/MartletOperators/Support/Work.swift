/// How much work a piece should hold so that handing it to a thread costs little beside doing it.
enum Work {
  /// Elements of a memory-bound loop in a piece: about 4 microseconds' worth.
  static let elements = 16_384

  /// Rows in a piece of a loop over rows of `width` elements.
  static func rowGrain(width: Int) -> Int { max(1, elements / max(1, width)) }
}
