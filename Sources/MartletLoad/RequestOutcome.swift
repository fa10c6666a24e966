/// Why a request brought no whole answer.
enum RequestFailure: Error, Sendable, Equatable {
  /// The server answered with another status than 200.
  case status(Int, String)
  /// There was no connection, or it broke.
  case connection(String)
  case timeout
  /// The stream ended before its end mark.
  case incomplete
  /// The server told of an error when the answer had begun.
  case inStream(String)
  /// What came is no answer of this API.
  case malformed(String)

  /// What it is counted as.
  var kind: String {
    switch self {
    case .status(let code, _): "status \(code)"
    case .connection: "connection"
    case .timeout: "timeout"
    case .incomplete: "incomplete"
    case .inStream: "error in the stream"
    case .malformed: "malformed"
    }
  }

  var message: String {
    switch self {
    case .status(_, let message), .connection(let message), .inStream(let message), .malformed(let message): message
    case .timeout: "no whole answer within the time that --timeout allows"
    case .incomplete: "the stream ended before data: [DONE]"
    }
  }
}

/// A whole answer, in seconds since the request arrived.
struct Answer: Sendable, Equatable {
  /// When the first text came; nil without streaming, or if no text came.
  var firstText: Double?
  /// Between parts with text.
  var gaps: [Double] = []
  /// When the answer was whole.
  var end = 0.0
  /// As the server counts; nil if it does not say.
  var promptTokens: Int?
  var cachedTokens: Int?
  /// As the server counts, else the parts with text.
  var generatedTokens = 0
  var isCounted = false
  /// Whether the first connection was lost before the answer began.
  var isResent = false
}

/// What became of a request.
struct RequestOutcome: Sendable {
  /// Seconds after the start of the run at which it ended.
  let ended: Double
  let result: Result<Answer, RequestFailure>
}
