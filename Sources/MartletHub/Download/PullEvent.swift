/// What happens during a download, for whoever watches it.
package enum PullEvent: Sendable, Equatable {
  /// So many bytes of all are here, of which so many came over the network since the beginning. Comes at most ten times a
  /// second, and once at the end.
  case progress(done: Int, total: Int, fetched: Int)
  /// Something that somebody should know before it comes.
  case warning(String)
  /// Another process fetches this file; we wait for it.
  case waiting(file: String)
  /// An attempt failed and another will follow.
  case retrying(reason: String, after: Duration)
}
