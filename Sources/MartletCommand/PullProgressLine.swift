import Glibc
import Martlet
import MartletHub
import Synchronization

/// The line that tells how far a download is: on a terminal, and rewritten there. What somebody should know later, such
/// as an attempt that failed, is a line of its own everywhere.
final class ProgressLine: Sendable {
  private let name: String
  private let state = Mutex(State())

  private struct State {
    /// When the first bytes came over the network, and how many those were.
    var start: (time: ContinuousClock.Instant, bytes: Int)?
    var isShown = false
  }

  init(_ name: String) { self.name = name.printable }

  func show(_ event: PullEvent) {
    switch event {
    case .progress(let done, let total, let fetched): show(done, of: total, fetched: fetched)
    case .warning(let text): note(text)
    case .waiting(let file): note("another process fetches \(file); waiting for it")
    case .retrying(let reason, let wait):
      let seconds = wait.components.seconds
      note(reason + (seconds > 0 ? "; trying again in \(seconds) s" : ""))
    }
  }

  /// Makes room for other output.
  func clear() {
    state.withLock { state in
      if state.isShown { Console.status("\r\u{1B}[K") }
      state.isShown = false
    }
  }

  private func note(_ text: String) {
    clear()
    Console.note("martlet: " + text.printable)
  }

  private func show(_ done: Int, of total: Int, fetched: Int) {
    guard Console.isInteractive, total > 0 else { return }
    state.withLock { state in
      let now = ContinuousClock.now
      var text = "\(Int(Double(done) / Double(total) * 100)) %  \(ByteCount.text(done)) of \(ByteCount.text(total))"
      if fetched > 0 {
        // What an earlier attempt fetched says nothing about the speed, and neither does the time that checking it took.
        let start = state.start ?? (now, fetched)
        state.start = start
        let seconds = (now - start.time) / .seconds(1)
        if seconds >= 1, fetched > start.bytes {
          let speed = Double(fetched - start.bytes) / seconds
          text += "  \(ByteCount.text(Int(speed)))/s  \(Self.duration(Double(total - done) / speed)) left"
        }
      }
      text += "  \(name)"
      // A line that breaks could not be written over.
      Console.status("\r\u{1B}[K" + text.prefix(Self.columns.map { $0 - 1 } ?? .max))
      state.isShown = true
    }
  }

  /// How wide the terminal is; nil if it does not say.
  private static var columns: Int? {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return nil }
    return Int(size.ws_col)
  }

  private static func duration(_ seconds: Double) -> String {
    let seconds = Int(min(seconds, 359_999))
    let (minutes, rest) = (seconds / 60, seconds % 60)
    guard minutes > 0 else { return "\(rest) s" }
    return minutes < 60 ? "\(minutes) min \(rest) s" : "\(minutes / 60) h \(minutes % 60) min"
  }
}
