/// What happens during a download, for whoever watches it.
package enum PullEvent: Sendable, Equatable {
  /// So many bytes of all are here. Comes at most ten times a second, and once at the end.
  case progress(done: Int, total: Int)
  /// Another process fetches this file; we wait for it.
  case waiting(file: String)
  /// An attempt failed and another will follow.
  case retrying(reason: String, after: Duration)
}
