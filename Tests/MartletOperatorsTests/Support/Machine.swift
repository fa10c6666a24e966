import MartletRuntime
import Testing

/// Where a test runs: a device and, on a processor, one of its instruction sets.
struct Machine: Sendable, CustomTestStringConvertible {
  let device: Device
  let instructionSet: String

  /// The processor, once for each instruction set, from plain to best. What a GPU computes is compared with it by the
  /// checks of `MartletChecks`.
  static var all: [Machine] { InstructionSet.available.map { Machine(device: .cpu, instructionSet: $0) } }

  /// All but the scalar loops, which the others are compared with.
  static var vectorised: [Machine] { all.filter { $0.instructionSet != scalarName } }

  /// The plain loops of the same device.
  var scalar: Machine { Machine(device: device, instructionSet: Self.scalarName) }

  /// Whether sums of products are rounded once instead of twice: only then do the bits of two machines agree.
  var fusesMultiplyAdd: Bool { instructionSet != Self.scalarName || Self.scalarFuses }

  var testDescription: String { "\(device) \(instructionSet)" }

  func stream(threads: Int = 2) throws -> Stream {
    try Stream(on: Runtime(device), threads: threads, instructionSet: InstructionSet(named: instructionSet))
  }

  private static let scalarName = "scalar"

  #if arch(arm64)
    private static let scalarFuses = true
  #else
    private static let scalarFuses = false
  #endif
}

/// Thread counts that must not matter: one, an even and an odd number, more than the machine has.
let threadCounts = [1, 2, 3, 8]
