/// Why a model's name did not lead to files.
package struct HubError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What went wrong, for callers that act on it.
  package enum Code: Sendable, Equatable {
    /// The name itself cannot be one of a model, or names several.
    case usage
    /// There is something, but it is no model that Martlet loads.
    case badInput
    /// Nothing by this name is on this machine.
    case notFound
  }

  package let code: Code
  /// What is wrong, where was looked, and what to do.
  package let message: String

  package init(code: Code, message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }

  /// The exit status of a command that ends with this error (those of BSD's `sysexits.h`).
  package var exitStatus: Int32 {
    switch code {
    case .usage: 64
    case .badInput: 65
    case .notFound: 66
    }
  }
}
