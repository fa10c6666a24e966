/// The Unicode classes of a scalar that split patterns ask for, as bits. The table is made from Hugging Face tokenizers
/// (see `scripts/goldens/unicode_classes.py`) rather than from the Swift runtime, whose Unicode version may be another.
enum UnicodeClass {
  /// `\p{L}`.
  static let letter: UInt8 = 1 << 0
  /// `\p{N}`.
  static let number: UInt8 = 1 << 1
  /// `\p{P}`.
  static let punctuation: UInt8 = 1 << 2
  /// `\p{S}`.
  static let symbol: UInt8 = 1 << 3
  /// `\p{M}`.
  static let mark: UInt8 = 1 << 4
  /// `\s`, that is White_Space.
  static let whiteSpace: UInt8 = 1 << 5
  /// U+000A and U+000D.
  static let newline: UInt8 = 1 << 6
  /// What the pre-tokenizer `Digits` takes for a digit: like `number`, of a newer Unicode version.
  static let digit: UInt8 = 1 << 7

  /// Two stages: for each 256 scalars the number of a page, and the pages, equal ones kept once.
  private static let table: (pageNumbers: FrozenBuffer<UInt16>, pages: FrozenBuffer<UInt8>) = {
    var pages: [UInt8] = []
    var numbers: [UInt16] = []
    var uniform: [UInt8: UInt16] = [:]
    var page = [UInt8](repeating: 0, count: 256)
    var run = 0
    for start in stride(from: UInt32(0), to: 0x11_0000, by: 256) {
      for offset in 0..<256 {
        while run + 1 < runs.count && runs[run + 1] >> 8 <= start + UInt32(offset) { run += 1 }
        page[offset] = UInt8(truncatingIfNeeded: runs[run])
        if offset == 0 && (run + 1 == runs.count || runs[run + 1] >> 8 >= start + 256) {
          // Nearly all pages are of one class: they need no look at each scalar.
          for rest in 1..<256 { page[rest] = page[0] }
          break
        }
      }
      let isUniform = page.allSatisfy { $0 == page[0] }
      if isUniform, let known = uniform[page[0]] {
        numbers.append(known)
        continue
      }
      let number = UInt16(truncatingIfNeeded: pages.count / 256)
      if isUniform { uniform[page[0]] = number }
      pages += page
      numbers.append(number)
    }
    return (FrozenBuffer(numbers), FrozenBuffer(pages))
  }()

  /// Pointers into the table, which lives as long as the process.
  static var view: View { View(pageNumbers: table.pageNumbers.base, pages: table.pages.base) }

  /// What scanners look classes up with.
  struct View {
    let pageNumbers: UnsafePointer<UInt16>
    let pages: UnsafePointer<UInt8>

    /// The class bits of `scalar`, which is below 0x110000.
    @inline(__always)
    func bits(_ scalar: UInt32) -> UInt8 {
      let page = Int(pageNumbers[Int(truncatingIfNeeded: scalar >> 8)])
      return pages[page << 8 | Int(truncatingIfNeeded: scalar & 0xFF)]
    }

    /// The class bits of an ASCII `byte`.
    @inline(__always)
    func bits(ascii byte: UInt8) -> UInt8 { pages[Int(byte)] }
  }
}
