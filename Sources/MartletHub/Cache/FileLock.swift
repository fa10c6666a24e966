internal import Glibc

/// A lock between processes: `flock` on a file, as the Python package `huggingface_hub` takes it for a blob. It ends with
/// `body`, or with the process.
enum FileLock {
  /// Runs `body` when nobody else holds the lock at `path`.
  /// - Parameter onWait: called once if somebody does.
  /// - Throws: `HubError` if there can be no such file, `CancellationError`, and what `body` throws.
  static func holding<Result>(
    _ path: String, onWait: () -> Void, _ body: () async throws -> Result
  ) async throws -> Result {
    var isWaiting = false
    while true {
      let descriptor = try open(path)
      defer { close(descriptor) }
      switch lock(descriptor) {
      case .taken where isNamed(descriptor), .unknown: return try await body()
      // Whoever had it has removed the file meanwhile, so that others would lock another one.
      case .taken: continue
      case .refused: throw Disk.failure("locked", path)
      case .held: break
      }
      if !isWaiting { onWait() }
      isWaiting = true
      try await Task.sleep(for: .milliseconds(50))
    }
  }

  /// Runs `body` with all of these locks, unless somebody else holds one.
  /// - Returns: nil if so.
  static func holding<Result>(
    all paths: [String], _ body: () throws(HubError) -> Result
  ) throws(HubError) -> Result? {
    var descriptors: [Int32] = []
    defer { for descriptor in descriptors { close(descriptor) } }
    for path in paths {
      descriptors.append(try open(path))
      if lock(descriptors[descriptors.count - 1]) == .held { return nil }
    }
    return try body()
  }

  private enum Outcome {
    case taken, held, refused
    /// A file system without locks: two processes may fetch the same then, but each checks what it has.
    case unknown
  }

  private static func open(_ path: String) throws(HubError) -> Int32 {
    let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o664)
    guard descriptor >= 0 else { throw Disk.failure("opened", path) }
    return descriptor
  }

  private static func lock(_ descriptor: Int32) -> Outcome {
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      switch errno {
      case EINTR: continue
      case EWOULDBLOCK: return .held
      case ENOSYS, EOPNOTSUPP, ENOLCK: return .unknown
      default: return .refused
      }
    }
    return .taken
  }

  /// Whether an open file still has a name.
  private static func isNamed(_ descriptor: Int32) -> Bool {
    var status = stat()
    return fstat(descriptor, &status) != 0 || status.st_nlink > 0
  }
}
