import MartletEngine
import Testing

@Suite struct BlockPoolTests {
  /// The same rules with a plain array for the free list.
  private struct NaivePool {
    var free: [Int32]
    var users: [Int32: Int] = [:]
    var hashes: [Int32: PrefixHash] = [:]

    mutating func allocate() -> Int32? {
      guard !free.isEmpty else { return nil }
      let block = free.removeFirst()
      hashes[block] = nil
      users[block] = 1
      return block
    }

    func lookup(_ hash: PrefixHash) -> Int32? { hashes.first { $0.value == hash }?.key }

    mutating func retain(_ block: Int32) {
      free.removeAll { $0 == block }
      users[block, default: 0] += 1
    }

    mutating func release(_ block: Int32) {
      users[block]! -= 1
      guard users[block] == 0 else { return }
      users[block] = nil
      if hashes[block] == nil { free.insert(block, at: 0) } else { free.append(block) }
    }
  }

  @Test(arguments: 0..<1000 as Range<UInt64>)
  func behavesLikeANaivePool(seed: UInt64) {
    var random = SplitMix64(state: seed)
    let count = Int.random(in: 1...9, using: &random)
    var pool = BlockPool(count: count)
    var naive = NaivePool(free: Array(0..<Int32(count)))
    let key = PrefixHash.Key(1, 2)
    let hashes = (0..<6).map { PrefixHash.root(key: key, adapter: nil, salt: "\($0)") }
    for _ in 0..<80 {
      switch Int.random(in: 0..<4, using: &random) {
      case 0:
        #expect(pool.allocate() == naive.allocate())
      case 1:
        if let block = naive.users.keys.sorted().randomElement(using: &random) {
          pool.release(block)
          naive.release(block)
        }
      case 2:
        let hash = hashes.randomElement(using: &random)!
        #expect(pool.lookup(hash) == naive.lookup(hash))
        if let block = naive.lookup(hash) {
          pool.retain(block)
          naive.retain(block)
        }
      default:
        let hash = hashes.randomElement(using: &random)!
        if let block = naive.users.keys.filter({ naive.hashes[$0] == nil }).sorted().randomElement(using: &random) {
          pool.publish(block, as: hash)
          if naive.lookup(hash) == nil { naive.hashes[block] = hash }
        }
      }
      pool._checkInvariants(users: naive.users)
      #expect(pool.freeCount == naive.free.count)
      #expect(pool.cachedCount == naive.hashes.count)
    }
  }

  @Test func evictsTheLeastRecentlyUsedAndUncachedFirst() {
    var pool = BlockPool(count: 4)
    let key = PrefixHash.Key(1, 2)
    let hashes = (0..<3).map { PrefixHash.root(key: key, adapter: nil, salt: "\($0)") }
    let blocks = (0..<4).map { _ in pool.allocate()! }
    for index in 0..<3 { pool.publish(blocks[index], as: hashes[index]) }
    for index in [1, 0, 3, 2] { pool.release(blocks[index]) }
    #expect((0..<4).map { _ in pool.allocate() } == [blocks[3], blocks[1], blocks[0], blocks[2]])
    #expect(pool.allocate() == nil)
    #expect(pool.cachedCount == 0)
  }
}
