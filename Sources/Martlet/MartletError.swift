internal import MartletEngine
internal import MartletHub
internal import MartletModels
internal import MartletOperators
internal import MartletRuntime
internal import MartletTemplate
internal import MartletTensor
internal import MartletText

/// What Martlet's public functions throw: a stable code for programs and a sentence for people.
public struct MartletError: Error, Sendable, CustomStringConvertible {
  /// The kinds of failures. Raw values are stable; the command line's exit status follows from them.
  public enum Code: String, Sendable, CaseIterable {
    /// A name, option or value that makes no sense.
    case invalidArgument
    /// A file that breaks its format's rules.
    case malformedFile
    /// A model that needs what Martlet does not do.
    case unsupportedModel
    /// A file or model that is not there.
    case notFound
    /// A device that is not there or has no room.
    case deviceUnavailable
    /// A prompt that does not fit, or another request that this model cannot honour.
    case invalidRequest
    /// A file that cannot be written: no room, no permission.
    case outputFailed
    /// The work was ended before its time, as was asked.
    case cancelled
    /// A mistake of Martlet's own.
    case internalError
  }

  /// What kind of failure it is.
  public let code: Code
  /// What is wrong and what to do.
  public let message: String

  /// A failure in words.
  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  /// The message.
  public var description: String { message }

  /// The exit status of a program that ends with this error (`sysexits.h`).
  public var exitStatus: Int32 {
    switch code {
    case .invalidArgument, .invalidRequest: 64
    case .malformedFile, .unsupportedModel: 65
    case .notFound: 66
    case .deviceUnavailable: 69
    case .internalError: 70
    case .outputFailed: 74
    case .cancelled: 130
    }
  }
}

extension MartletError {
  /// Gives an error of any layer its code. The switch below is the one place where the two meet.
  public init(_ error: any Error) {
    switch error {
    case let error as MartletError: self = error
    case let error as GGUFError: self.init(error.kind == .fileNotFound ? .notFound : .malformedFile, "\(error)")
    case let error as SafetensorsError: self.init(error.isMissing ? .notFound : .malformedFile, "\(error)")
    case let error as ModelError: self.init(Self.code(of: error), "\(error)")
    case let error as TextError: self.init(.malformedFile, "\(error)")
    case let error as TemplateError: self.init(.malformedFile, "the chat template: \(error)")
    case let error as MissingChatTemplate: self.init(.unsupportedModel, "\(error)")
    case let error as HubError: self.init(Self.code(of: error), "\(error)")
    case let error as QuantizationError: self.init(.malformedFile, "\(error)")
    case let error as OutputError where error.kind == .exists:
      self.init(.invalidArgument, "\(error); --force replaces it")
    case let error as OutputError: self.init(.outputFailed, "\(error)")
    case let error as RequestError: self.init(.invalidRequest, "\(error)")
    case SamplingError.nothingLeft: self.init(.invalidRequest, "\(SamplingError.nothingLeft)")
    case let error as RuntimeError: self.init(.deviceUnavailable, "\(error)")
    case TensorError.runtime(let error): self.init(.deviceUnavailable, "\(error)")
    case is CancellationError: self.init(.cancelled, "the work was cancelled")
    default: self.init(.internalError, "\(error)")
    }
  }

  private static func code(of error: ModelError) -> Code {
    switch error {
    case .unsupported: .unsupportedModel
    case .invalidConfiguration, .missingWeight, .wrongWeight, .unusedWeights: .malformedFile
    }
  }

  private static func code(of error: HubError) -> Code {
    switch error.exitStatus {
    case 66: .notFound
    case 65: .unsupportedModel
    default: .invalidArgument
    }
  }

  /// Runs `body`, which reads the model file at `path`. What layers without files say of its contents gets the file's
  /// name; weights that the tensors or operators refuse are the file's fault too.
  package static func reading<Result>(_ path: String, _ body: () throws -> Result) throws(MartletError) -> Result {
    do {
      return try body()
    } catch {
      switch error {
      case TensorError.runtime: throw MartletError(error)
      case is TensorError, is OperatorError: throw MartletError(.unsupportedModel, "\(path): \(error)")
      case is TextError, is TemplateError:
        let error = MartletError(error)
        throw MartletError(error.code, "\(path): \(error.message)")
      default: throw MartletError(error)
      }
    }
  }

  /// Runs `body` and turns whatever it throws into a ``MartletError``.
  package static func wrapping<Result>(_ body: () throws -> Result) throws(MartletError) -> Result {
    do { return try body() } catch { throw MartletError(error) }
  }
}
