#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A number for the calling thread.
func currentThread() -> UInt {
  #if canImport(Glibc)
    UInt(pthread_self())
  #else
    UInt(bitPattern: pthread_self())
  #endif
}

/// Blocks the calling thread, as a step that computes does.
func sleepThread(_ duration: Duration) {
  usleep(UInt32(duration.components.attoseconds / 1_000_000_000_000))
}
