import MartletRuntime
import Testing

@Suite struct StorageTests {
  @Test(arguments: [0, 1, 64, 100_000])
  func freesItselfWithItsLastReference(bytes: Int) throws {
    let api = CountingAPI()
    let allocator = PlainAllocator(api: api)
    let runtime = try Runtime(.cpu, allocator: allocator)
    var storage: Storage? = try Storage(byteCount: bytes, on: runtime)
    var second = storage
    #expect(storage?.byteCount == bytes)
    #expect(storage?.isWritable == true)
    #expect(storage?.device == .cpu)
    storage = nil
    #expect(allocator.usage.inUse == bytes)
    #expect(second != nil)
    second = nil
    #expect(allocator.usage.inUse == 0)
    #expect(api.counts == .init(allocations: 1, frees: 1))
  }

  @Test func keepsItsAllocatorAlive() throws {
    let api = CountingAPI()
    var storage: Storage? = try Storage(byteCount: 10, on: Runtime(.cpu, allocator: CachingAllocator(api: api)))
    #expect(api.counts.frees == 0)
    #expect(storage != nil)
    storage = nil
    #expect(api.counts == .init(allocations: 1, frees: 1))
  }

  @Test func moreThanThereIsIsAnError() throws {
    let runtime = try Runtime(.cpu)
    #expect(throws: RuntimeError.self) { try Storage(byteCount: Int.max, on: runtime) }
    #expect(runtime.allocator.usage == AllocatorUsage())
  }

  private final class Owner {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 16)
    deinit { bytes.deallocate() }
  }

  @Test func borrowsWithoutCopyingAndKeepsTheOwner() {
    var owner: Owner? = Owner()
    weak let observed = owner
    var storage: Storage?
    if let owner {
      storage = Storage(borrowing: UnsafeRawBufferPointer(owner.bytes), owner: owner)
      #expect(storage?.pointer == owner.bytes.baseAddress)
    }
    owner = nil
    #expect(observed != nil, "the storage holds it")
    #expect(storage?.isWritable == false)
    #expect(storage?.byteCount == 16)
    storage = nil
    #expect(observed == nil)
  }

  @Test func borrowsNothingToo() {
    let storage = Storage(borrowing: UnsafeRawBufferPointer(start: nil, count: 0), owner: Owner(), isWritable: true)
    #expect(storage.byteCount == 0)
    #expect(storage.isWritable)
  }
}

@Suite struct StreamTests {
  @Test func scratchGrowsAndThenStays() throws {
    let api = CountingAPI()
    let runtime = try Runtime(.cpu, allocator: PlainAllocator(api: api))
    var stream: MartletRuntime.Stream? = try MartletRuntime.Stream(on: runtime, threads: 1)
    let small = try stream?.scratch(bytes: 100)
    #expect(try stream?.scratch(bytes: 50) == small)
    #expect(try stream?.scratch(bytes: 100) == small)
    let large = try stream?.scratch(bytes: 100_000)
    large?.initializeMemory(as: UInt8.self, repeating: 1, count: 100_000)
    #expect(try stream?.scratch(bytes: 100) == large)
    #expect(api.counts.allocations == 2)
    try stream?.synchronize()
    stream = nil
    #expect(api.counts == .init(allocations: 2, frees: 2))
  }

  @Test func scratchThatDoesNotFitIsAnErrorAndNotTheEnd() throws {
    let runtime = try Runtime(.cpu, allocator: CachingAllocator(api: CountingAPI(capacity: 1_024)))
    let stream = try MartletRuntime.Stream(on: runtime, threads: 1)
    _ = try stream.scratch(bytes: 512)
    #expect(throws: RuntimeError.self) { try stream.scratch(bytes: 4_096) }
    try stream.scratch(bytes: 1_000).initializeMemory(as: UInt8.self, repeating: 1, count: 1_000)
  }

  @Test func usesAsManyThreadsAsAsked() throws {
    let runtime = try Runtime(.cpu)
    #expect(try MartletRuntime.Stream(on: runtime, threads: 3).pool.threadCount == 3)
    #expect(try MartletRuntime.Stream(on: runtime).pool.threadCount == ThreadPool.defaultThreadCount)
    #expect(ThreadPool.defaultThreadCount >= 1)
  }

  @Test(arguments: [Int.min, -1, 0, ThreadPool.maximumThreadCount + 1, Int.max])
  func refusesSenselessNumbersOfThreads(threads: Int) throws {
    let runtime = try Runtime(.cpu)
    let error = #expect(throws: RuntimeError.self) { try MartletRuntime.Stream(on: runtime, threads: threads) }
    #expect(error?.description.contains("\(threads)") == true)
    #expect(error?.description.contains("\(ThreadPool.maximumThreadCount)") == true)
  }
}
