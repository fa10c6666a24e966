/// A part of a word on its way to a token.
struct Symbol {
  /// The token that it is now, or -1 where the vocabulary has none.
  var id: Int32
  /// Where it lies in the bytes of the word.
  var start: UInt32
  var length: UInt32
}

/// What two adjacent symbols become, and when: the lowest rank goes first.
struct Merge {
  var rank: UInt32
  var id: Int32

  /// No merge.
  static var none: Merge { Merge(rank: .max, id: -1) }
}

/// Decides which adjacent symbols merge. Ranks below `UInt32.max` are merges.
protocol MergeRule {
  func merge(_ left: Symbol, _ right: Symbol) -> Merge
}

/// Byte-pair merging of one word: again and again the adjacent pair with the lowest rank becomes one symbol, the leftmost
/// first of equal ones. Short words take a linear scan, which is what a processor does best; long ones a binary heap over
/// a linked list, so that no input takes quadratic time.
struct WordMerger: ~Copyable {
  /// Up to here the scan is faster than the heap.
  private static let longestScan = 64

  private(set) var symbols: UnsafeMutablePointer<Symbol>
  private var merges: UnsafeMutablePointer<Merge>
  private var links: UnsafeMutablePointer<Link>
  private var heap: UnsafeMutablePointer<UInt64>
  private var heapCount = 0
  private var heapCapacity: Int
  private var capacity: Int
  private(set) var count = 0
  /// Whether the last symbol is an unknown token that its neighbours may still join.
  private var endsUnknown = false

  private struct Link {
    var previous: Int32
    var next: Int32
  }

  init() {
    capacity = 128
    symbols = .allocate(capacity: capacity)
    merges = .allocate(capacity: capacity)
    links = .allocate(capacity: capacity)
    heapCapacity = capacity
    heap = .allocate(capacity: heapCapacity)
  }

  deinit {
    symbols.deallocate()
    merges.deallocate()
    links.deallocate()
    heap.deallocate()
  }

  /// Begins a word of at most `symbolCount` symbols.
  mutating func begin(symbolCount: Int) {
    count = 0
    endsUnknown = false
    guard symbolCount > capacity else { return }
    symbols.deallocate()
    merges.deallocate()
    links.deallocate()
    capacity = symbolCount
    symbols = .allocate(capacity: capacity)
    merges = .allocate(capacity: capacity)
    links = .allocate(capacity: capacity)
  }

  /// Adds a symbol at the end of the word.
  @inline(__always)
  mutating func append(_ symbol: Symbol) {
    symbols[count] = symbol
    count += 1
    endsUnknown = false
  }

  /// Adds what `rule` makes of text that no token spells.
  mutating func appendUnknown(_ rule: UnknownRule, start: UInt32, length: UInt32) {
    guard let token = rule.token else { return }
    if endsUnknown && rule.isFused {
      symbols[count - 1].length += length
    } else {
      append(Symbol(id: token, start: start, length: length))
    }
    endsUnknown = true
  }

  /// Adds a symbol, but before an unknown token at the end of the word, which stays there.
  mutating func insertBeforeUnknown(_ symbol: Symbol) {
    guard endsUnknown else { return append(symbol) }
    symbols[count] = symbols[count - 1]
    symbols[count - 1] = symbol
    count += 1
  }

  /// Merges until `rule` knows no more; `symbols` and `count` are the result.
  mutating func run(_ rule: some MergeRule) {
    guard count > 1 else { return }
    for index in 0..<count - 1 { merges[index] = rule.merge(symbols[index], symbols[index + 1]) }
    if count <= Self.longestScan { scan(rule) } else { mergeByHeap(rule) }
  }

  private mutating func scan(_ rule: some MergeRule) {
    var count = self.count
    while count > 1 {
      var best = 0
      var rank = merges[0].rank
      for index in 1..<max(count - 1, 1) where merges[index].rank < rank {
        best = index
        rank = merges[index].rank
      }
      if rank == .max { break }
      symbols[best].id = merges[best].id
      symbols[best].length += symbols[best + 1].length
      count -= 1
      for index in best + 1..<max(count, best + 1) { symbols[index] = symbols[index + 1] }
      for index in best + 1..<max(count - 1, best + 1) { merges[index] = merges[index + 1] }
      if best > 0 { merges[best - 1] = rule.merge(symbols[best - 1], symbols[best]) }
      if best + 1 < count { merges[best] = rule.merge(symbols[best], symbols[best + 1]) }
    }
    self.count = count
  }

  private mutating func mergeByHeap(_ rule: some MergeRule) {
    heapCount = 0
    merges[count - 1] = .none
    for index in 0..<count {
      links[index] = Link(
        previous: Int32(truncatingIfNeeded: index) - 1,
        next: index + 1 < count ? Int32(truncatingIfNeeded: index) + 1 : -1)
      if merges[index].rank != .max { push(UInt64(merges[index].rank) << 32 | UInt64(index)) }
    }
    while heapCount > 0 {
      let entry = pop()
      let index = Int(entry & 0xFFFF_FFFF)
      // An entry is stale if its pair has changed since; a symbol merged away has no rank at all.
      guard UInt64(merges[index].rank) == entry >> 32 else { continue }
      let right = Int(links[index].next)
      symbols[index].id = merges[index].id
      symbols[index].length += symbols[right].length
      merges[right] = .none
      symbols[right].length = 0
      let next = links[right].next
      links[index].next = next
      merges[index] = .none
      if next >= 0 {
        links[Int(next)].previous = Int32(truncatingIfNeeded: index)
        update(index, Int(next), rule)
      }
      let previous = links[index].previous
      if previous >= 0 { update(Int(previous), index, rule) }
    }
    var kept = 0
    var index = 0
    while index >= 0 {
      symbols[kept] = symbols[index]
      kept += 1
      index = Int(links[index].next)
    }
    count = kept
  }

  @inline(__always)
  private mutating func update(_ left: Int, _ right: Int, _ rule: some MergeRule) {
    merges[left] = rule.merge(symbols[left], symbols[right])
    if merges[left].rank != .max { push(UInt64(merges[left].rank) << 32 | UInt64(left)) }
  }

  private mutating func push(_ entry: UInt64) {
    if heapCount == heapCapacity {
      let larger = UnsafeMutablePointer<UInt64>.allocate(capacity: 2 * heapCapacity)
      larger.update(from: heap, count: heapCount)
      heap.deallocate()
      heap = larger
      heapCapacity *= 2
    }
    var child = heapCount
    heapCount += 1
    while child > 0 {
      let parent = (child - 1) / 2
      if heap[parent] <= entry { break }
      heap[child] = heap[parent]
      child = parent
    }
    heap[child] = entry
  }

  private mutating func pop() -> UInt64 {
    let top = heap[0]
    heapCount -= 1
    let entry = heap[heapCount]
    var parent = 0
    while true {
      var child = 2 * parent + 1
      if child >= heapCount { break }
      if child + 1 < heapCount && heap[child + 1] < heap[child] { child += 1 }
      if entry <= heap[child] { break }
      heap[parent] = heap[child]
      parent = child
    }
    heap[parent] = entry
    return top
  }
}
