/// The merges of byte-level BPE: from a pair of adjacent tokens to the rank of their merge (lower goes first) and the
/// token they become. Open addressing, 16 bytes a slot.
struct MergeTable: Sendable {
  struct Slot {
    var left: Int32
    var right: Int32
    var rank: UInt32
    var merged: Int32
  }

  private let slots: FrozenBuffer<Slot>
  private let seed: UInt64
  /// Whether no merge joins a `▁` to another character before it, so that text can be cut before each run of them.
  let isCutBeforeMetaspace: Bool

  /// Resolves `merges` against the tokens of `index`. Of two equal merges the later one counts, as in Hugging Face
  /// tokenizers. A merge into a token that text must never become, as `isText` tells by id, is left out.
  /// - Parameters:
  ///   - separator: The byte between the two tokens of a merge.
  ///   - isByteLevel: The merges are in the byte alphabet, the tokens of `index` in plain bytes.
  /// - Throws: ``TextError/invalidMerge(index:text:reason:)``.
  init(
    _ merges: ByteStringTable, separator: UInt8, isByteLevel: Bool, index: TokenIndex, isText: FrozenBuffer<Bool>
  ) throws(TextError) {
    let seed = ByteHash.processSeed
    var entries: [Slot] = []
    entries.reserveCapacity(merges.count)
    var resolver = Resolver(index, separator: separator, isByteLevel: isByteLevel)
    for rank in 0..<merges.count {
      let entry = try resolver.resolve(merges, rank)
      if isText.base[Int(entry.merged)] { entries.append(entry) }
    }
    let view = index.view
    isCutBeforeMetaspace =
      !isByteLevel
      && entries.allSatisfy { entry in
        let start = Int(view.offsets[Int(entry.merged)])
        let count = Int(view.offsets[Int(entry.merged) + 1]) - start
        return !Metaspace.isInner(of: UnsafeBufferPointer(start: view.bytes + start, count: count))
      }
    withExtendedLifetime(index) {}
    // Apart from the loop above, so that the processor has many of these scattered writes under way at once.
    let slotCount = ByteHash.slotCount(for: entries.count)
    self.seed = seed
    slots = FrozenBuffer(repeating: Slot(left: -1, right: -1, rank: 0, merged: 0), count: slotCount) { slots in
      let mask = slotCount - 1
      for entry in entries {
        var slot = Self.slot(entry.left, entry.right, seed: seed) & mask
        while slots[slot].left >= 0 && (slots[slot].left != entry.left || slots[slot].right != entry.right) {
          slot = (slot + 1) & mask
        }
        slots[slot] = entry
      }
    }
  }

  /// Turns lines of the merge list into ids.
  private struct Resolver: ~Copyable {
    private let tokens: TokenIndex.View
    private let tokenCount: Int
    private let longest: Int
    private let hasDuplicates: Bool
    private let alphabet = ByteAlphabet.view
    private let separator: UInt8
    private let isByteLevel: Bool
    /// Both halves of a merge in plain bytes, one after the other.
    private let both: UnsafeMutablePointer<UInt8>
    private var last: Int32 = -1

    init(_ index: TokenIndex, separator: UInt8, isByteLevel: Bool) {
      self.separator = separator
      self.isByteLevel = isByteLevel
      tokens = index.view
      tokenCount = index.count
      longest = index.longest
      hasDuplicates = index.hasDuplicates
      // A half is decoded only if it can be a token: of the alphabet's characters none takes more than two bytes.
      both = .allocate(capacity: 4 * index.longest + 1)
    }

    deinit { both.deallocate() }

    mutating func resolve(_ merges: ByteStringTable, _ rank: Int) throws(TextError) -> Slot {
      let start = Int(merges.offsets[rank])
      let count = Int(merges.offsets[rank + 1]) - start
      let ids = merges.bytes.withUnsafeBufferPointer { bytes in
        bytes.baseAddress.map { find($0 + start, count) } ?? (left: -1, right: -1, merged: -1)
      }
      guard ids.left >= 0, ids.right >= 0 else {
        throw .invalidMerge(index: rank, text: text(merges, rank), reason: "is not two tokens of the vocabulary")
      }
      guard ids.merged >= 0 else {
        throw .invalidMerge(index: rank, text: text(merges, rank), reason: "makes no token of the vocabulary")
      }
      last = ids.merged
      // There are no more than 2^32 merges: their text would pass 4 GiB.
      return Slot(left: ids.left, right: ids.right, rank: UInt32(truncatingIfNeeded: rank), merged: ids.merged)
    }

    private func text(_ merges: ByteStringTable, _ rank: Int) -> String {
      String(decoding: merges[rank].map { $0 == separator ? UInt8(ascii: " ") : $0 }, as: UTF8.self)
    }

    /// Writes the plain bytes of a half to `output` and returns how many there are, -1 if it can be no token.
    @inline(__always)
    private func decode(_ half: UnsafePointer<UInt8>, _ count: Int, into output: UnsafeMutablePointer<UInt8>) -> Int {
      if isByteLevel { return ByteAlphabet.decode(half, count, into: output, table: alphabet) }
      output.update(from: half, count: count)
      return count
    }

    /// The ids of both halves of a merge and of the whole, -1 for what is no token.
    private func find(_ text: UnsafePointer<UInt8>, _ count: Int) -> (left: Int32, right: Int32, merged: Int32) {
      var space = 0
      while space < count && text[space] != separator { space += 1 }
      guard space < count, space <= 2 * longest, count - space - 1 <= 2 * longest else { return (-1, -1, -1) }
      let leftCount = decode(text, space, into: both)
      guard leftCount >= 0 else { return (-1, -1, -1) }
      let right = both + leftCount
      let rightCount = decode(text + space + 1, count - space - 1, into: right)
      guard rightCount >= 0 else { return (-1, -1, -1) }
      return (tokens.find(both, leftCount), tokens.find(right, rightCount), findMerged(both, leftCount + rightCount))
    }

    /// Merge lists follow the order of the tokens that they make, so that the last one or the next is nearly always the
    /// one: two comparisons of neighbouring memory in place of a look-up.
    private func findMerged(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
      if !hasDuplicates {
        for candidate in last...last + 1 where candidate >= 0 && Int(candidate) < tokenCount {
          let start = Int(tokens.offsets[Int(candidate)])
          if Int(tokens.offsets[Int(candidate) + 1]) - start == count,
            ByteHash.isEqual(bytes, tokens.bytes + start, count)
          {
            return candidate
          }
        }
      }
      return tokens.find(bytes, count)
    }
  }

  @inline(__always)
  private static func slot(_ left: Int32, _ right: Int32, seed: UInt64) -> Int {
    let key = UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    return Int(truncatingIfNeeded: ByteHash.mix(key ^ seed, 0x9E37_79B9_7F4A_7C15))
  }

  /// Plain pointers into the table, valid while it is alive.
  var view: View { View(slots: slots.base, mask: slots.count - 1, seed: seed) }

  /// What hot loops look merges up with.
  struct View: MergeRule {
    let slots: UnsafePointer<Slot>
    let mask: Int
    let seed: UInt64

    @inline(__always)
    func merge(_ left: Symbol, _ right: Symbol) -> Merge {
      var slot = MergeTable.slot(left.id, right.id, seed: seed) & mask
      while true {
        let entry = slots[slot]
        if entry.left == left.id && entry.right == right.id { return Merge(rank: entry.rank, id: entry.merged) }
        if entry.left < 0 { return .none }
        slot = (slot + 1) & mask
      }
    }
  }
}
