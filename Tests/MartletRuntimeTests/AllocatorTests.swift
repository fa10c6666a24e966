import MartletRuntime
import Testing

@Suite struct AllocatorTests {
  @Test func sizeClassesHoldTheRequestAndWasteAtMostAnEighth() {
    let powers = (0...40).flatMap { power in [-1, 0, 1].map { (1 << power) + $0 } }
    var previous = 0
    for bytes in (Array(0...5_000) + powers).sorted() {
      let size = CachingAllocator.roundedSize(bytes)
      #expect(size >= max(bytes, 64))
      #expect(size % 64 == 0)
      #expect(size >= previous, "classes grow with the request")
      #expect(CachingAllocator.roundedSize(size) == size, "a class is its own class")
      if bytes > 512 { #expect((size - bytes) * 8 < size) } else { #expect(size - bytes < 64 || bytes == 0) }
      previous = size
    }
    let classes = Set((513...1_024).map(CachingAllocator.roundedSize))
    #expect(classes.count == 8)
  }

  @Test(arguments: [Int.max, Int.max - 1, Int.max / 2 + 2])
  func sizesNearTheEndOfTheNumbersAreErrorsNotTraps(bytes: Int) {
    #expect(CachingAllocator.roundedSize(bytes) >= bytes)
    #expect(throws: RuntimeError.self) { try CachingAllocator(api: CPURuntimeAPI()).allocate(bytes: bytes) }
    #expect(throws: RuntimeError.self) { try PlainAllocator(api: CPURuntimeAPI()).allocate(bytes: bytes) }
  }

  @Test func thePlainOneReturnsMemoryAtOnce() throws {
    let api = CountingAPI()
    let allocator = PlainAllocator(api: api)
    let pointers = try [1, 100, 1_000].map { try allocator.allocate(bytes: $0) }
    #expect(allocator.usage == AllocatorUsage(inUse: 1_101))
    for (pointer, bytes) in zip(pointers, [1, 100, 1_000]) { allocator.deallocate(pointer, bytes: bytes) }
    allocator.trim()
    #expect(allocator.usage == AllocatorUsage())
    #expect(api.counts == .init(allocations: 3, frees: 3))
  }

  @Test func theCachingOneGivesMemoryOutAgain() throws {
    let api = CountingAPI()
    let allocator = CachingAllocator(api: api)
    let first = try allocator.allocate(bytes: 1_000)
    #expect(allocator.usage == AllocatorUsage(inUse: 1_024))
    allocator.deallocate(first, bytes: 1_000)
    #expect(allocator.usage == AllocatorUsage(cached: 1_024))

    let same = try allocator.allocate(bytes: 1_024)
    #expect(same == first, "another request of the same class")
    let other = try allocator.allocate(bytes: 1_000)
    #expect(other != first, "the kept piece is in use")
    let smaller = try allocator.allocate(bytes: 10)
    #expect(api.counts.allocations == 3)
    #expect(allocator.usage == AllocatorUsage(inUse: 2_112))

    for (pointer, bytes) in [(same, 1_024), (other, 1_000), (smaller, 10)] {
      allocator.deallocate(pointer, bytes: bytes)
    }
    #expect(allocator.usage == AllocatorUsage(cached: 2_112))
    #expect(api.counts.frees == 0)
    allocator.trim()
    #expect(allocator.usage == AllocatorUsage())
    #expect(api.counts == .init(allocations: 3, frees: 3))
  }

  @Test func memoryComesAlignedForTheKernels() throws {
    for allocator in [PlainAllocator(api: CPURuntimeAPI()), CachingAllocator(api: CPURuntimeAPI())] as [any Allocator] {
      for bytes in [0, 1, 65, 513, 100_001] {
        let pointer = try allocator.allocate(bytes: bytes)
        #expect(UInt(bitPattern: pointer) % 64 == 0)
        pointer.initializeMemory(as: UInt8.self, repeating: 0xff, count: bytes)
        allocator.deallocate(pointer, bytes: bytes)
      }
    }
  }

  @Test func aFullDeviceGetsBackWhatWasKeptBeforeTheRequestFails() throws {
    let api = CountingAPI(capacity: 4_096)
    let allocator = CachingAllocator(api: api)
    let small = try (0..<4).map { _ in try allocator.allocate(bytes: 1_024) }
    #expect(throws: RuntimeError.outOfMemory(device: .cpu, bytes: 64)) { try allocator.allocate(bytes: 1) }
    #expect(allocator.usage == AllocatorUsage(inUse: 4_096), "a request that failed holds nothing")
    for pointer in small { allocator.deallocate(pointer, bytes: 1_024) }

    let large = try allocator.allocate(bytes: 4_096)
    #expect(api.counts == .init(allocations: 5, frees: 4, liveBytes: 4_096))
    #expect(allocator.usage == AllocatorUsage(inUse: 4_096))
    allocator.deallocate(large, bytes: 4_096)
  }

  @Test func anAllocatorThatGoesAwayReturnsWhatItKept() throws {
    let api = CountingAPI()
    do {
      let allocator = CachingAllocator(api: api)
      for bytes in [1, 600, 70_000] {
        allocator.deallocate(try allocator.allocate(bytes: bytes), bytes: bytes)
      }
    }
    #expect(api.counts == .init(allocations: 3, frees: 3))
  }

  /// Every task writes its own number all over each piece and reads it back: a piece given out twice would show.
  @Test func manyTasksMayUseOneAllocator() async throws {
    let api = CountingAPI()
    let allocator = CachingAllocator(api: api)
    let intact = try await withThrowingTaskGroup(of: Bool.self) { group in
      for task in 0..<16 {
        group.addTask {
          var random = SplitMix(seed: UInt64(task))
          var held: [(UnsafeMutableRawPointer, Int)] = []
          var intact = true
          for round in 0..<500 {
            let bytes = Int(random.next() % 3_000)
            let pointer = try allocator.allocate(bytes: bytes)
            pointer.initializeMemory(as: UInt8.self, repeating: UInt8(task), count: bytes)
            held.append((pointer, bytes))
            if held.count > 8 || round == 499 {
              for (pointer, bytes) in held {
                intact = intact && UnsafeRawBufferPointer(start: pointer, count: bytes).allSatisfy { $0 == UInt8(task) }
                allocator.deallocate(pointer, bytes: bytes)
              }
              held = []
            }
            if round % 100 == 50 { allocator.trim() }
          }
          return intact
        }
      }
      return try await group.reduce(true) { $0 && $1 }
    }
    #expect(intact)
    #expect(allocator.usage.inUse == 0)
    allocator.trim()
    #expect(allocator.usage == AllocatorUsage())
    #expect(api.counts.allocations == api.counts.frees)
    #expect(api.counts.foreignFrees == 0)
  }
}

/// A small repeatable source of randomness (SplitMix64, Steele, Lea and Flood 2014).
struct SplitMix: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
