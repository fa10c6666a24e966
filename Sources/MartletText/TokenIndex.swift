/// From the bytes of a token to its id: open addressing over flat storage. Of two tokens with the same bytes the one that
/// text may become is found, else the later one, as in Hugging Face tokenizers.
struct TokenIndex: Sendable {
  let bytes: FrozenBuffer<UInt8>
  let offsets: FrozenBuffer<UInt32>
  private let slots: FrozenBuffer<UInt64>
  private let seed: UInt64
  /// The length of the longest token in bytes.
  let longest: Int
  /// Whether two tokens have the same bytes.
  let hasDuplicates: Bool

  /// Indexes `table`; `isText` tells for each token whether text may become it.
  init(_ table: ByteStringTable, isText: FrozenBuffer<Bool>) {
    let bytes = FrozenBuffer(table.bytes)
    let offsets = FrozenBuffer(table.offsets)
    let seed = ByteHash.processSeed
    let slotCount = ByteHash.slotCount(for: table.count)
    var longest = 0
    var hasDuplicates = false
    slots = FrozenBuffer(repeating: 0, count: slotCount) { slots in
      let mask = slotCount - 1
      // A later entry takes the place of an equal one, so that what text may become goes second.
      for wanted in [false, true] {
        for id in 0..<table.count where isText.base[id] == wanted {
          let start = Int(offsets.base[id])
          let count = Int(offsets.base[id + 1]) - start
          longest = max(longest, count)
          let hash = ByteHash.hash(bytes.base + start, count, seed: seed)
          var slot = Int(truncatingIfNeeded: hash) & mask
          while slots[slot] != 0 {
            let other = Int(slots[slot] & 0xFFFF_FFFF) - 1
            let otherStart = Int(offsets.base[other])
            if slots[slot] >> 32 == hash >> 32, Int(offsets.base[other + 1]) - otherStart == count,
              ByteHash.isEqual(bytes.base + start, bytes.base + otherStart, count)
            {
              hasDuplicates = true
              break
            }
            slot = (slot + 1) & mask
          }
          slots[slot] = hash & 0xFFFF_FFFF_0000_0000 | UInt64(id + 1)
        }
      }
    }
    self.bytes = bytes
    self.offsets = offsets
    self.seed = seed
    self.longest = longest
    self.hasDuplicates = hasDuplicates
  }

  /// The number of tokens.
  var count: Int { offsets.count - 1 }

  /// The id of the token with these bytes, or -1.
  func find(_ text: [UInt8]) -> Int32 {
    text.withUnsafeBufferPointer { bytes in bytes.baseAddress.map { view.find($0, bytes.count) } ?? -1 }
  }

  /// Plain pointers into the tables, valid while the index is alive.
  var view: View {
    View(bytes: bytes.base, offsets: offsets.base, slots: slots.base, mask: slots.count - 1, seed: seed)
  }

  /// What hot loops look tokens up with.
  struct View {
    let bytes: UnsafePointer<UInt8>
    let offsets: UnsafePointer<UInt32>
    let slots: UnsafePointer<UInt64>
    let mask: Int
    let seed: UInt64

    /// The id of the token with these `count` bytes, or -1. The upper 32 bits of the hash are kept beside each id, so
    /// that a miss almost never touches the bytes of another token.
    @inline(__always)
    func find(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int32 {
      let hash = ByteHash.hash(text, count, seed: seed)
      var slot = Int(truncatingIfNeeded: hash) & mask
      while true {
        let entry = slots[slot]
        if entry == 0 { return -1 }
        if entry >> 32 == hash >> 32 {
          let id = Int(entry & 0xFFFF_FFFF) - 1
          let start = Int(offsets[id])
          if Int(offsets[id + 1]) - start == count, ByteHash.isEqual(bytes + start, text, count) {
            return Int32(truncatingIfNeeded: id)
          }
        }
        slot = (slot + 1) & mask
      }
    }
  }
}
