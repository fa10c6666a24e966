package import Martlet

/// How the server listens and what it allows.
package struct ServerConfiguration: Sendable {
  /// The address or name to listen on.
  package var host = "127.0.0.1"
  /// 0 takes a free one.
  package var port = 8080
  /// The name that clients call the model by; nil takes the one that it is loaded by.
  package var modelName: String?
  /// Who may use the server; nil lets everybody who reaches it do everything.
  package var keys: APIKeys?
  /// Names beside `localhost` and `host` by which clients reach the server.
  package var hostNames: [String] = []
  package var requests = RequestLimits()
  /// The most bytes of a request's body.
  package var bodyBytes = 8 << 20
  /// The most bytes of a request's head, and of one of its fields.
  package var headBytes = 16 << 10
  /// The most connections at a time.
  package var connections = 1024
  /// How long a connection may wait for a request.
  package var idleTime = Duration.seconds(75)
  /// How long a client may take to send a request.
  package var requestTime = Duration.seconds(30)
  /// How long a client may keep an answer from being written.
  package var readingTime = Duration.seconds(30)
  /// How long an answer may take from its submission; nil is without limit.
  package var generationTime: Duration? = .seconds(600)
  /// How long running answers may go on when the server is told to stop.
  package var drainTime = Duration.seconds(30)

  package init() {}

  /// Refuses what is not safe.
  /// - Throws: ``MartletError`` that says what to change.
  package func validate() throws(MartletError) {
    guard (0...65535).contains(port) else {
      throw MartletError(.invalidArgument, "the port is \(port); it must be from 0 to 65535")
    }
    guard Self.isLoopback(host) || keys != nil else {
      throw MartletError(
        .invalidArgument,
        "\(host) can be reached from other machines, and without API keys everybody there could use the model; give a file "
          + "of keys (--keys FILE), or listen on 127.0.0.1")
    }
  }

  /// Whether only programs of this machine can reach an address.
  package static func isLoopback(_ host: String) -> Bool {
    if host == "localhost" || host == "::1" || host == "[::1]" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil } && parts[0] == "127"
  }
}
