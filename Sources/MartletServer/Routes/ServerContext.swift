internal import HTTPTypes
package import Hummingbird
internal import NIOCore

/// What goes with a request on its way through the server.
package struct ServerContext: RequestContext {
  package var coreContext: CoreRequestContextStorage
  /// The request's connection.
  let channel: any Channel
  /// The client's `X-Request-ID`, or one of the server's.
  var requestID = ""
  /// The key that the client presented; nil where the server has none.
  var key: APIKeys.Entry?
  /// What the route finds out.
  let notes = RequestNotes()

  package init(source: ApplicationRequestContextSource) {
    coreContext = .init(source: source)
    channel = source.channel
  }
}
