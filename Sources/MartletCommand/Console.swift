import Glibc
import Synchronization

/// Standard output and standard error, unbuffered: streamed text must appear as it comes.
enum Console {
  /// Whether a person reads standard error, who wants progress bars.
  static var isInteractive: Bool { isatty(STDERR_FILENO) == 1 }

  /// Writes to standard output.
  static func write(_ text: String) { write(text, to: STDOUT_FILENO) }

  /// Writes a line to standard error.
  static func note(_ line: String) { write(line + "\n", to: STDERR_FILENO) }

  /// Writes to standard error without ending the line.
  static func status(_ text: String) { write(text, to: STDERR_FILENO) }

  /// Shows how far something is, on a terminal only.
  static func progress(_ label: String, _ share: Double) {
    guard isInteractive else { return }
    let width = 30
    let filled = Int(share * Double(width))
    let bar = String(repeating: "█", count: filled) + String(repeating: "·", count: width - filled)
    status("\r\(label) \(bar) \(Int(share * 100)) %")
    if share >= 1 { status("\r\u{1B}[K") }
  }

  private static func write(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let written = UnsafeBufferPointer(rebasing: rest).withMemoryRebound(to: UInt8.self) {
          Glibc.write(descriptor, $0.baseAddress, $0.count)
        }
        if written < 0 {
          if errno == EINTR { continue }
          // The reader has gone (a closed pipe): there is nobody to tell.
          exit(EXIT_FAILURE)
        }
        rest = rest.dropFirst(written)
      }
    }
  }
}

/// Control-C: ends a generation if one can be ended, else the program.
enum Interruption {
  /// 128 + SIGINT, as shells have it.
  static let exitStatus: Int32 = 130

  private static let isStoppable = Atomic<Bool>(false)
  private static let wasRequested = Atomic<Bool>(false)

  static func install() {
    // A reader of our output that goes away shows as an error of `write`.
    signal(SIGPIPE, SIG_IGN)
    signal(SIGINT) { _ in
      if Interruption.isStoppable.load(ordering: .relaxed), !Interruption.wasRequested.load(ordering: .relaxed) {
        Interruption.wasRequested.store(true, ordering: .relaxed)
      } else {
        _exit(Interruption.exitStatus)
      }
    }
  }

  /// Runs `body` so that the first Control-C only makes `isRequested` true.
  static func stoppable<Result>(_ body: () async throws -> Result) async rethrows -> Result {
    wasRequested.store(false, ordering: .relaxed)
    isStoppable.store(true, ordering: .relaxed)
    defer { isStoppable.store(false, ordering: .relaxed) }
    return try await body()
  }

  /// Whether Control-C was pressed since ``stoppable(_:)`` began.
  static var isRequested: Bool { wasRequested.load(ordering: .relaxed) }
}
