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

  /// Resolves `merges`, in the byte alphabet, against the tokens of `index`, whose bytes are plain. Of two equal merges
  /// the later one counts, as in Hugging Face tokenizers. A merge into a token that text must never become, as `isText`
  /// tells by id, is left out.
  /// - Throws: ``TextError/invalidMerge(index:text:reason:)``.
  init(_ merges: ByteStringTable, index: TokenIndex, isText: (Int32) -> Bool) throws(TextError) {
    let seed = ByteHash.processSeed
    let slotCount = ByteHash.slotCount(for: merges.count)
    let view = index.view
    self.seed = seed
    slots = try FrozenBuffer(repeating: Slot(left: -1, right: -1, rank: 0, merged: 0), count: slotCount) {
      (slots: UnsafeMutablePointer<Slot>) throws(TextError) in
      let mask = slotCount - 1
      var scratch: [UInt8] = []
      for rank in 0..<merges.count {
        let entry = try Self.resolve(merges, rank, view, &scratch)
        if !isText(entry.merged) { continue }
        var slot = Self.slot(entry.left, entry.right, seed: seed) & mask
        while slots[slot].left >= 0 && (slots[slot].left != entry.left || slots[slot].right != entry.right) {
          slot = (slot + 1) & mask
        }
        slots[slot] = entry
      }
    }
    withExtendedLifetime(index) {}
  }

  private static func resolve(
    _ merges: ByteStringTable, _ rank: Int, _ view: TokenIndex.View, _ scratch: inout [UInt8]
  ) throws(TextError) -> Slot {
    let range = Int(merges.offsets[rank])..<Int(merges.offsets[rank + 1])
    let resolved: (left: Int32, right: Int32, merged: Int32)? = merges.bytes.withUnsafeBufferPointer { bytes in
      let text = UnsafeBufferPointer(rebasing: bytes[range])
      guard let space = text.firstIndex(of: 0x20) else { return nil }
      scratch.removeAll(keepingCapacity: true)
      guard ByteAlphabet.decode(UnsafeBufferPointer(rebasing: text[..<space]), into: &scratch) else { return nil }
      let leftCount = scratch.count
      guard ByteAlphabet.decode(UnsafeBufferPointer(rebasing: text[(space + 1)...]), into: &scratch) else { return nil }
      return scratch.withUnsafeBufferPointer { both in
        guard let base = both.baseAddress else { return nil }
        return (
          view.find(base, leftCount), view.find(base + leftCount, both.count - leftCount), view.find(base, both.count)
        )
      }
    }
    guard let resolved, resolved.left >= 0, resolved.right >= 0 else {
      throw .invalidMerge(index: rank, text: merges.string(at: rank), reason: "is not two tokens of the vocabulary")
    }
    guard resolved.merged >= 0 else {
      throw .invalidMerge(index: rank, text: merges.string(at: rank), reason: "makes no token of the vocabulary")
    }
    // A table of more than 2^32 merges cannot be: its text would pass 4 GiB.
    return Slot(
      left: resolved.left, right: resolved.right, rank: UInt32(truncatingIfNeeded: rank), merged: resolved.merged)
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
