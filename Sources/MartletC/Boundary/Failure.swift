internal import CMartlet
internal import Martlet
internal import MartletOperators
internal import MartletRuntime
internal import MartletTensor

/// Why a C function fails: its status and the sentence that `martlet_last_error` gives.
struct Failure: Error {
  let status: martlet_status
  let message: String

  init(_ status: martlet_status, _ message: String) {
    self.status = status
    self.message = message
  }

  /// An argument whose value makes no sense.
  static func argument(_ name: String, expected: String, found: String) -> Failure {
    Failure(MARTLET_INVALID_ARGUMENT, "\(name) must be \(expected), not \(found)")
  }

  /// The failure that an error of any layer means to a caller of the C interface.
  init(_ error: any Error) {
    switch error {
    case let error as Failure: self = error
    case let error as OperatorError: self.init(MARTLET_INVALID_ARGUMENT, "\(error)")
    case TensorError.runtime(let error): self.init(MARTLET_DEVICE_UNAVAILABLE, "\(error)")
    case let error as TensorError: self.init(MARTLET_INVALID_ARGUMENT, "\(error)")
    case is CancellationError: self.init(MARTLET_CANCELLED, "the work was cancelled")
    default:
      let error = MartletError(error)
      self.init(Self.status(of: error.code), error.message)
    }
  }

  private static func status(of code: MartletError.Code) -> martlet_status {
    switch code {
    case .invalidArgument: MARTLET_INVALID_ARGUMENT
    case .malformedFile: MARTLET_MALFORMED_FILE
    case .unsupportedModel: MARTLET_UNSUPPORTED_MODEL
    case .notFound: MARTLET_NOT_FOUND
    case .deviceUnavailable: MARTLET_DEVICE_UNAVAILABLE
    case .invalidRequest: MARTLET_INVALID_REQUEST
    case .outputFailed: MARTLET_OUTPUT_FAILED
    case .internalError: MARTLET_INTERNAL_ERROR
    case .cancelled: MARTLET_CANCELLED
    }
  }
}
