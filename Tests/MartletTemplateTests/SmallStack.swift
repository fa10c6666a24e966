#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// A thread with as little stack as secondary threads have on some platforms.
enum SmallStack {
  private final class Work {
    let body: () -> Int
    var result: Int?

    init(_ body: @escaping () -> Int) { self.body = body }
  }

  /// What `body` returns on a thread with 512 KB of stack; nil when there is no such thread to be had.
  static func run(_ body: @escaping () -> Int) -> Int? {
    let work = Work(body)
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    guard pthread_attr_setstacksize(&attributes, 512 << 10) == 0 else { return nil }
    // The thread takes this reference over and gives it back when it is done.
    let passed = Unmanaged.passRetained(work).toOpaque()
    var thread = pthread_t()
    let status = pthread_create(
      &thread, &attributes,
      { argument in
        guard let argument else { return nil }
        let work = Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
        work.result = work.body()
        return nil
      }, passed)
    guard status == 0 else {
      Unmanaged<Work>.fromOpaque(passed).release()
      return nil
    }
    pthread_join(thread, nil)
    return work.result
  }
}
