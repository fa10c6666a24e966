import MartletRuntime
import Synchronization

/// The processor with a memory of limited size that counts what is taken and given back, and notices when something is
/// given back that was not taken.
final class CountingAPI: RuntimeAPI {
  struct Counts: Equatable {
    var allocations = 0
    var frees = 0
    var foreignFrees = 0
    var liveBytes = 0
  }

  private struct State {
    var counts = Counts()
    var live: [UInt: Int] = [:]
  }

  private let cpu = CPURuntimeAPI()
  private let capacity: Int
  private let state = Mutex(State())

  init(capacity: Int = .max) { self.capacity = capacity }

  var counts: Counts { state.withLock { $0.counts } }

  func allocateDevice(bytes: Int) throws(RuntimeError) -> UnsafeMutableRawPointer {
    let hasRoom = state.withLock { state in
      guard bytes <= capacity - state.counts.liveBytes else { return false }
      state.counts.liveBytes += bytes
      return true
    }
    guard hasRoom else { throw .outOfMemory(device: .cpu, bytes: bytes) }
    let pointer = try cpu.allocateDevice(bytes: bytes)
    let address = UInt(bitPattern: pointer)
    state.withLock { state in
      state.counts.allocations += 1
      state.live[address] = bytes
    }
    return pointer
  }

  func freeDevice(_ pointer: UnsafeMutableRawPointer) {
    let address = UInt(bitPattern: pointer)
    let isOurs = state.withLock { state in
      guard let bytes = state.live.removeValue(forKey: address) else {
        state.counts.foreignFrees += 1
        return false
      }
      state.counts.frees += 1
      state.counts.liveBytes -= bytes
      return true
    }
    if isOurs { cpu.freeDevice(pointer) }
  }

  func deviceCount() -> Int { cpu.deviceCount() }
  func setDevice(_ index: Int) throws(RuntimeError) { try cpu.setDevice(index) }
  func synchronizeDevice() { cpu.synchronizeDevice() }
  func createStream() -> StreamHandle { cpu.createStream() }
  func destroyStream(_ stream: StreamHandle) { cpu.destroyStream(stream) }
  func synchronizeStream(_ stream: StreamHandle) { cpu.synchronizeStream(stream) }
  func allocateHost(bytes: Int) throws(RuntimeError) -> UnsafeMutableRawPointer { try cpu.allocateHost(bytes: bytes) }
  func freeHost(_ pointer: UnsafeMutableRawPointer) { cpu.freeHost(pointer) }
  func copy(to destination: UnsafeMutableRawPointer, from source: UnsafeRawPointer, bytes: Int, kind: CopyKind) {
    cpu.copy(to: destination, from: source, bytes: bytes, kind: kind)
  }
  func copyAsync(
    to destination: UnsafeMutableRawPointer, from source: UnsafeRawPointer, bytes: Int, kind: CopyKind,
    stream: StreamHandle
  ) {
    cpu.copyAsync(to: destination, from: source, bytes: bytes, kind: kind, stream: stream)
  }
}
