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
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o664)
    guard descriptor >= 0 else { throw Disk.failure("opened", path) }
    defer { close(descriptor) }
    var isWaiting = false
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      switch errno {
      case EINTR: continue
      case EWOULDBLOCK: break
      // A file system without locks: two processes may fetch the same then, but each checks what it has.
      case ENOSYS, EOPNOTSUPP, ENOLCK: return try await body()
      default: throw Disk.failure("locked", path)
      }
      if !isWaiting { onWait() }
      isWaiting = true
      try await Task.sleep(for: .milliseconds(50))
    }
    return try await body()
  }
}
