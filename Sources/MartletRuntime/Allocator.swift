import Synchronization

/// Gives out and takes back device memory. Implementations are safe to call from any thread.
package protocol Allocator: AnyObject, Sendable {
  /// At least `bytes` bytes, 64-byte aligned, contents undefined.
  func allocate(bytes: Int) throws(RuntimeError) -> UnsafeMutableRawPointer
  /// Takes back what `allocate(bytes:)` gave for the same number of bytes.
  func deallocate(_ pointer: UnsafeMutableRawPointer, bytes: Int)
  /// Hands unused memory back to the device.
  func trim()
  /// Bytes that tensors hold, and bytes kept for reuse.
  var usage: AllocatorUsage { get }
}

/// What an allocator holds, in bytes.
package struct AllocatorUsage: Equatable, Sendable {
  package var inUse: Int
  package var cached: Int

  package init(inUse: Int = 0, cached: Int = 0) {
    self.inUse = inUse
    self.cached = cached
  }
}

/// Asks the device for every piece of memory and returns it at once.
package final class PlainAllocator: Allocator {
  private let api: any RuntimeAPI
  private let inUse = Atomic<Int>(0)

  package init(api: any RuntimeAPI) { self.api = api }

  package func allocate(bytes: Int) throws(RuntimeError) -> UnsafeMutableRawPointer {
    let pointer = try api.allocateDevice(bytes: bytes)
    inUse.add(bytes, ordering: .relaxed)
    return pointer
  }

  package func deallocate(_ pointer: UnsafeMutableRawPointer, bytes: Int) {
    inUse.subtract(bytes, ordering: .relaxed)
    api.freeDevice(pointer)
  }

  package func trim() {}

  package var usage: AllocatorUsage { AllocatorUsage(inUse: inUse.load(ordering: .relaxed)) }
}

/// Keeps returned memory by size class and gives it out again, since asking a device for memory is slow and, on a GPU,
/// waits for it.
///
/// Sizes are rounded up so that at most an eighth is wasted: 64-byte steps up to 512 bytes, then eight classes per
/// power of two. When the device is full, everything kept is returned to it and the request is tried once more.
package final class CachingAllocator: Allocator {
  private struct State {
    var free: [Int: [UInt]] = [:]
    var usage = AllocatorUsage()
  }

  private let api: any RuntimeAPI
  private let index: Int
  private let state = Mutex(State())

  /// - Parameter index: which of the family's devices.
  package init(api: any RuntimeAPI, index: Int = 0) {
    self.api = api
    self.index = index
  }

  deinit { trim() }

  /// The size class of a request.
  package static func roundedSize(_ bytes: Int) -> Int {
    if bytes <= 512 { return max(64, (bytes + 63) & ~63) }
    let power = Int.bitWidth - 1 - (bytes - 1).leadingZeroBitCount
    let step = 1 << (power - 3)
    let (padded, overflow) = bytes.addingReportingOverflow(step - 1)
    return overflow ? bytes : padded & ~(step - 1)
  }

  package func allocate(bytes: Int) throws(RuntimeError) -> UnsafeMutableRawPointer {
    let size = Self.roundedSize(bytes)
    let reused: UInt? = state.withLock { state in
      guard let address = state.free[size]?.popLast() else { return nil }
      state.usage.cached -= size
      state.usage.inUse += size
      return address
    }
    if let reused, let pointer = UnsafeMutableRawPointer(bitPattern: reused) { return pointer }
    let pointer: UnsafeMutableRawPointer
    // Any thread may ask, whichever device it used last.
    try api.setDevice(index)
    do {
      pointer = try api.allocateDevice(bytes: size)
    } catch {
      trim()
      pointer = try api.allocateDevice(bytes: size)
    }
    state.withLock { $0.usage.inUse += size }
    return pointer
  }

  package func deallocate(_ pointer: UnsafeMutableRawPointer, bytes: Int) {
    let size = Self.roundedSize(bytes)
    state.withLock { state in
      state.free[size, default: []].append(UInt(bitPattern: pointer))
      state.usage.inUse -= size
      state.usage.cached += size
    }
  }

  package func trim() {
    let addresses = state.withLock { state in
      defer { state.free = [:] }
      state.usage.cached = 0
      return state.free.values.flatMap { $0 }
    }
    guard !addresses.isEmpty, (try? api.setDevice(index)) != nil else { return }
    for address in addresses {
      if let pointer = UnsafeMutableRawPointer(bitPattern: address) { api.freeDevice(pointer) }
    }
  }

  package var usage: AllocatorUsage { state.withLock { $0.usage } }
}
