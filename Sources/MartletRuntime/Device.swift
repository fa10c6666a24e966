/// A place where tensors live and operators run.
public struct Device: Hashable, Sendable {
  /// The families of devices. Adding one means one folder in `MartletRuntime` and whatever the compiler then asks for.
  public enum Kind: String, Sendable, CaseIterable {
    case cpu, cuda, metax
  }

  /// The family.
  public let kind: Kind
  /// Which of the family's devices, from zero.
  public let index: Int

  /// Names a device; whether it exists is asked of its ``RuntimeAPI``.
  public init(_ kind: Kind, index: Int = 0) {
    self.kind = kind
    self.index = index
  }

  /// The processor.
  public static let cpu = Device(.cpu)

  /// Reads the command line's spelling: `cpu`, `cuda`, `cuda:1`, `metax`.
  /// - Throws: ``RuntimeError/deviceUnavailable(device:reason:)`` for a family that this build does not have.
  public init(parsing text: String) throws(RuntimeError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    guard let kind = Kind(rawValue: String(parts[0])) else {
      let known = Kind.allCases.map(\.rawValue).joined(separator: ", ")
      throw .deviceUnavailable(device: text, reason: "this build knows \(known)")
    }
    var index = 0
    if parts.count == 2 {
      // `Int` alone would read "+0" and "-0" too.
      guard parts[1].utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
        let number = Int(parts[1])
      else {
        throw .deviceUnavailable(device: text, reason: "the index after the colon must be a number from zero")
      }
      index = number
    }
    self.init(kind, index: index)
  }
}

extension Device: CustomStringConvertible {
  /// The spelling that `init(parsing:)` reads; the index is left out for the processor.
  public var description: String { kind == .cpu && index == 0 ? "cpu" : "\(kind.rawValue):\(index)" }
}

extension Device {
  /// The devices of this machine on which tests and checks run.
  package static var available: [Device] {
    Kind.allCases.flatMap { kind in
      let count = (try? kind.api.deviceCount()) ?? 0
      return (0..<count).map { Device(kind, index: $0) }
    }
  }
}

extension Device {
  /// The first GPU that works, else the processor.
  public static var preferred: Device {
    let gpus = [Kind.cuda, .metax].lazy.map { Device($0) }
    return gpus.first { gpu in (try? Runtime(gpu).gpu().compilerIdentity()) != nil } ?? .cpu
  }
}

extension Device.Kind {
  /// The vendor's functions behind the family.
  package var api: any RuntimeAPI {
    switch self {
    case .cpu: CPURuntimeAPI()
    case .cuda: CUDARuntimeAPI()
    case .metax: MetaXRuntimeAPI()
    }
  }
}
