import Foundation
import Glibc

/// A child process: the built command, unless told otherwise.
///
/// It is started by `posix_spawn` rather than Foundation's `Process`, which can neither give a child a terminal to
/// control nor say what it cost.
final class Child {
  /// What a process came to.
  struct End: Equatable {
    /// The exit status, or 128 + the number of the signal that ended it, as shells have it.
    var status: Int32
    /// Whether a signal ended it.
    var isSignal: Bool
    /// User and system time.
    var processorSeconds: Double
    /// The most memory that was resident at once.
    var peakBytes: Int
  }

  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  let pid: pid_t

  /// Starts a process.
  /// - Parameters:
  ///   - input, output, error: paths that the child opens as its standard streams.
  ///   - environment: variables to set besides those of this process.
  ///   - isSession: whether it begins a session, so that the first terminal it opens becomes its own.
  init(
    _ executable: String, _ arguments: [String], input: String, output: String, error: String,
    environment: [String: String] = [:], isSession: Bool = false
  ) throws {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    let writing = O_WRONLY | O_CREAT | O_TRUNC
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, output, writing, 0o600)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, error, writing, 0o600)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var flags = Int32(POSIX_SPAWN_SETSIGDEF)
    if isSession { flags |= 0x80 }  // POSIX_SPAWN_SETSID, which the overlay leaves out
    posix_spawnattr_setflags(&attributes, Int16(flags))
    var signals = sigset_t()
    sigemptyset(&signals)
    for signal in [SIGINT, SIGPIPE] { sigaddset(&signals, signal) }
    posix_spawnattr_setsigdefault(&attributes, &signals)

    let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    var words: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) } + [nil]
    var settings: [UnsafeMutablePointer<CChar>?] = variables.map { strdup("\($0)=\($1)") } + [nil]
    defer { for pointer in words + settings { free(pointer) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, executable, &actions, &attributes, &words, &settings)
    guard code == 0 else { throw Failure(description: "\(executable): \(String(cString: strerror(code)))") }
    self.pid = pid
  }

  /// Waits for the end; a process that takes longer than `limit` is killed.
  func wait(limit: Duration = .seconds(300)) throws -> End {
    let deadline = ContinuousClock.now + limit
    while true {
      var status: Int32 = 0
      var usage = rusage()
      let result = wait4(pid, &status, WNOHANG, &usage)
      guard result >= 0 else { throw Failure(description: "wait4: \(String(cString: strerror(errno)))") }
      if result == pid {
        let signal = status & 0x7F
        return End(
          status: signal == 0 ? (status >> 8) & 0xFF : 128 + signal, isSignal: signal != 0,
          processorSeconds: [usage.ru_utime, usage.ru_stime].reduce(0) {
            $0 + Double($1.tv_sec) + Double($1.tv_usec) * 1e-6
          },
          peakBytes: usage.ru_maxrss * 1024)
      }
      if ContinuousClock.now > deadline {
        kill(pid, SIGKILL)
        _ = waitpid(pid, &status, 0)
        throw Failure(description: "the process was still running after \(limit)")
      }
      usleep(2000)
    }
  }

  func send(_ signal: Int32) { kill(pid, signal) }
}

/// A pipe with a name: what other tests start at the same time cannot inherit either end, as it could of `pipe`.
final class Pipe {
  let path: String
  private let descriptor: Int32

  init() throws {
    path = FileManager.default.temporaryDirectory.appending(path: "martlet-\(UUID().uuidString).pipe").path
    guard mkfifo(path, 0o600) == 0 else { throw Child.Failure(description: "no pipe at \(path)") }
    descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
  }

  deinit { unlink(path) }

  /// Waits for a byte; false if none came in time.
  func readByte(milliseconds: Int32) -> Bool {
    var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    var byte: UInt8 = 0
    return poll(&waiting, 1, milliseconds) == 1 && read(descriptor, &byte, 1) == 1
  }

  /// Stops reading, as `head` does.
  func close() { Glibc.close(descriptor) }
}
