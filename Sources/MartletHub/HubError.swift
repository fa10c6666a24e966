/// Why a model's name did not lead to files, or its files did not come.
package struct HubError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What went wrong, for callers that act on it.
  package enum Code: Sendable, Equatable {
    /// The name itself cannot be one of a model, or names several.
    case usage
    /// There is something, but it is no model that Martlet loads, or not what its hash says it is.
    case badInput
    /// Nothing by this name is on this machine, or on the hub.
    case notFound
    /// The hub cannot be reached, or does not let us in; or another program has what is needed.
    case unavailable
    /// The disk is full or refuses.
    case inputOutput
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
    case .unavailable: 69
    case .inputOutput: 74
    }
  }
}
