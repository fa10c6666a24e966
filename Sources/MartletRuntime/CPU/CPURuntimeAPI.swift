import Glibc

/// The processor as a device: memory is the host's, and every call has finished when it returns.
package struct CPURuntimeAPI: RuntimeAPI {
  /// Cache lines and AVX-512 registers are 64 bytes; kernels rely on this alignment of whole allocations.
  package static let alignment = 64
  /// The size and alignment of a huge page on x86-64 and, mostly, arm64.
  private static let hugePage = 2 << 20
  /// Allocations from here on ask for huge pages, as far as whole ones fit.
  private static let largeAllocation = hugePage

  package init() {}

  package func deviceCount() -> Int { 1 }

  package func setDevice(_ index: Int) throws(RuntimeError) {
    guard index == 0 else {
      throw .deviceUnavailable(device: "cpu:\(index)", reason: "the processor counts as one device, cpu:0")
    }
  }

  package func synchronizeDevice() {}

  package func createStream() -> StreamHandle { StreamHandle(rawValue: 0) }
  package func destroyStream(_ stream: StreamHandle) {}
  package func synchronizeStream(_ stream: StreamHandle) {}

  package func allocateDevice(bytes: Int) throws(RuntimeError) -> UnsafeMutableRawPointer {
    precondition(bytes >= 0, "a negative number of bytes")
    let isLarge = bytes >= Self.largeAllocation
    var pointer: UnsafeMutableRawPointer?
    let alignment = isLarge ? Self.hugePage : Self.alignment
    guard posix_memalign(&pointer, alignment, max(bytes, Self.alignment)) == 0, let pointer else {
      throw .outOfMemory(device: .cpu, bytes: bytes)
    }
    // One fault for 2 MB in place of 512; a kernel without huge pages says no, and nothing is lost.
    if isLarge { madvise(pointer, bytes, MADV_HUGEPAGE) }
    return pointer
  }

  package func freeDevice(_ pointer: UnsafeMutableRawPointer) { free(pointer) }

  package func allocateHost(bytes: Int) throws(RuntimeError) -> UnsafeMutableRawPointer {
    try allocateDevice(bytes: bytes)
  }

  package func freeHost(_ pointer: UnsafeMutableRawPointer) { free(pointer) }

  package func copy(
    to destination: UnsafeMutableRawPointer, from source: UnsafeRawPointer, bytes: Int, kind: CopyKind
  ) {
    memmove(destination, source, bytes)
  }

  package func copyAsync(
    to destination: UnsafeMutableRawPointer, from source: UnsafeRawPointer, bytes: Int, kind: CopyKind,
    stream: StreamHandle
  ) {
    memmove(destination, source, bytes)
  }
}
