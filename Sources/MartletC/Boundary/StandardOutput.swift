import Glibc

/// Writes text behind what the C library's streams hold, without their global variables, which Swift counts as shared
/// state.
enum StandardOutput {
  /// What was asked for.
  static func print(_ text: String) {
    fflush(nil)
    write(text, to: STDOUT_FILENO)
  }

  /// What went wrong.
  static func report(_ text: String) { write(text + "\n", to: STDERR_FILENO) }

  private static func write(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        // Nobody reads any more: there is nobody to tell either.
        guard count > 0 else { return }
        rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(count))
      }
    }
  }
}
