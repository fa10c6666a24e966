package import CMartletSIMD
import Glibc

/// The instruction set whose loops a processor stream runs.
package struct InstructionSet: Sendable {
  /// `scalar`, `avx2`, `avx512`, `avx512vnni`, `avx512bf16` (which has VNNI too)
  package let name: String
  /// The loops: a table that is never written and lasts as long as the process.
  nonisolated(unsafe) package let kernels: UnsafePointer<martlet_kernels>

  /// The environment variable that forces an instruction set, for tests and comparisons.
  package static let environmentVariable = "MARTLET_INSTRUCTION_SET"

  /// The names that this processor can run, from plain to best.
  package static var available: [String] {
    var names = [UnsafePointer<CChar>?](repeating: nil, count: 8)
    let count = martlet_kernels_available(&names, names.count)
    return names.prefix(count).compactMap { $0.map { String(cString: $0) } }
  }

  /// An instruction set by name.
  /// - Throws: `RuntimeError.deviceUnavailable` if this processor does not have it.
  package init(named name: String) throws(RuntimeError) {
    guard let table = martlet_kernels_named(name) else {
      throw .deviceUnavailable(
        device: "cpu with \(name)",
        reason: "this processor can run \(Self.available.joined(separator: ", ")); see \(Self.environmentVariable)")
    }
    self.name = name
    self.kernels = table
  }

  /// The one that the environment names, else the best that the processor has.
  package static func preferred() throws(RuntimeError) -> InstructionSet {
    if let forced = getenv(environmentVariable) { return try InstructionSet(named: String(cString: forced)) }
    return try InstructionSet(named: String(cString: martlet_kernels_best().pointee.name))
  }
}
