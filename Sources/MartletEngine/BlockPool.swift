/// The KV cache's blocks: who uses them, which are free, and which hold a prefix that a later request can reuse.
///
/// A block is in use (reference count above zero) or in the free list. A free block may still be cached: it keeps its
/// content and its hash until it is allocated anew, and the free list gives away uncached blocks first and then the
/// least recently used. The list is doubly linked through the blocks themselves, so every operation takes constant
/// time. The method is that of vLLM's block pool.
package struct BlockPool: Sendable {
  private struct Block {
    var referenceCount: Int32 = 0
    var previous: Int32 = none
    var next: Int32 = none
    var hash: PrefixHash?
  }

  private static let none: Int32 = -1

  private var blocks: [Block]
  private var head = none
  private var tail = none
  private var index: [PrefixHash: Int32] = [:]

  /// Blocks that `allocate()` can give away, cached ones included.
  package private(set) var freeCount = 0

  /// All blocks free and none cached. `count` must be positive.
  package init(count: Int) {
    precondition(count > 0 && count <= Int(Int32.max), "a pool needs at least one block")
    blocks = Array(repeating: Block(), count: count)
    for block in 0..<Int32(count) { link(block, atHead: false) }
  }

  /// All blocks.
  package var count: Int { blocks.count }

  /// Blocks that can be found by their hash.
  package var cachedCount: Int { index.count }

  /// Takes a free block with reference count one, forgetting the prefix that it may have held; nil where none is free.
  package mutating func allocate() -> Int32? {
    guard head != Self.none else { return nil }
    let block = head
    unlink(block)
    if let hash = blocks[Int(block)].hash {
      index[hash] = nil
      blocks[Int(block)].hash = nil
    }
    blocks[Int(block)].referenceCount = 1
    return block
  }

  /// The block that holds the prefix named by `hash`, whether in use or free.
  package func lookup(_ hash: PrefixHash) -> Int32? { index[hash] }

  /// How many users the block has.
  package func userCount(of block: Int32) -> Int32 { blocks[Int(block)].referenceCount }

  /// Whether nobody uses the block.
  package func isFree(_ block: Int32) -> Bool { blocks[Int(block)].referenceCount == 0 }

  /// Adds a user to a block that `lookup` found, taking it out of the free list if it was there.
  package mutating func retain(_ block: Int32) {
    if isFree(block) { unlink(block) }
    blocks[Int(block)].referenceCount += 1
  }

  /// Removes a user. A block without users joins the free list: at the end if it is cached, else at the front.
  package mutating func release(_ block: Int32) {
    precondition(!isFree(block), "a free block was released")
    blocks[Int(block)].referenceCount -= 1
    if isFree(block) { link(block, atHead: blocks[Int(block)].hash == nil) }
  }

  /// Makes a block in use findable. Its content must have been computed. Where another block already holds the same
  /// prefix, that one stays the one to find.
  package mutating func publish(_ block: Int32, as hash: PrefixHash) {
    precondition(!isFree(block) && blocks[Int(block)].hash == nil, "only a block in use is published, and once")
    guard index[hash] == nil else { return }
    index[hash] = block
    blocks[Int(block)].hash = hash
  }

  private mutating func link(_ block: Int32, atHead: Bool) {
    freeCount += 1
    let (previous, next) = atHead ? (Self.none, head) : (tail, Self.none)
    blocks[Int(block)].previous = previous
    blocks[Int(block)].next = next
    if previous == Self.none { head = block } else { blocks[Int(previous)].next = block }
    if next == Self.none { tail = block } else { blocks[Int(next)].previous = block }
  }

  private mutating func unlink(_ block: Int32) {
    freeCount -= 1
    let (previous, next) = (blocks[Int(block)].previous, blocks[Int(block)].next)
    if previous == Self.none { head = next } else { blocks[Int(previous)].next = next }
    if next == Self.none { tail = previous } else { blocks[Int(next)].previous = previous }
    blocks[Int(block)].previous = Self.none
    blocks[Int(block)].next = Self.none
  }

  /// Traps unless the free list, the reference counts and the index agree with each other and with `users`, the number
  /// of block tables that each block is in. Takes time linear in the pool; for tests.
  package func _checkInvariants(users: [Int32: Int]) {
    var listed = 0
    var (previous, block) = (Self.none, head)
    while block != Self.none {
      precondition(isFree(block), "block \(block) is in use and in the free list")
      precondition(blocks[Int(block)].previous == previous, "the free list's links disagree at block \(block)")
      listed += 1
      precondition(listed <= count, "the free list has a cycle")
      (previous, block) = (block, blocks[Int(block)].next)
    }
    precondition(tail == previous, "the free list does not end at its tail")
    precondition(listed == freeCount, "the free list has \(listed) blocks, counted \(freeCount)")
    for (block, state) in blocks.enumerated() {
      let expected = users[Int32(block)] ?? 0
      precondition(state.referenceCount == expected, "block \(block) counts \(state.referenceCount), not \(expected)")
      if let hash = state.hash { precondition(index[hash] == Int32(block), "block \(block) is not in the index") }
    }
    precondition(listed + blocks.count { $0.referenceCount > 0 } == count, "a block is neither free nor in use")
    precondition(index.count == blocks.count { $0.hash != nil }, "the index has entries without a block")
  }
}
