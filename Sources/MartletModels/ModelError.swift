/// Why a model cannot be loaded or run.
package enum ModelError: Error, Sendable {
  /// The file asks for something that Martlet does not do. `field` is the key as the file spells it.
  case unsupported(file: String, field: String, found: String, supported: String)
  /// A number in the file's configuration makes no sense.
  case invalidConfiguration(file: String, field: String, found: String, expected: String)
  /// A weight that the architecture needs is not there.
  case missingWeight(file: String, name: String)
  /// A weight has another shape or type than the configuration says.
  case wrongWeight(file: String, name: String, expected: String, found: String)
  /// Weights that the architecture has no use for, so it would compute something else than the file's maker meant.
  case unusedWeights(file: String, names: [String])
}

extension ModelError: CustomStringConvertible {
  /// One sentence that names the file, the thing, what was found and what would do.
  package var description: String {
    switch self {
    case .unsupported(let file, let field, let found, let supported):
      "\(file): \(field) is \(found), which Martlet does not do; it does \(supported)"
    case .invalidConfiguration(let file, let field, let found, let expected):
      "\(file): \(field) is \(found), expected \(expected)"
    case .missingWeight(let file, let name):
      "\(file): the weight \(name) is missing"
    case .wrongWeight(let file, let name, let expected, let found):
      "\(file): the weight \(name) must be \(expected), not \(found)"
    case .unusedWeights(let file, let names):
      "\(file): \(names.count) weights have no place in this architecture, the first is \(names[0])"
    }
  }
}
