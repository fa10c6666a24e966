// The names of the functions below and their documentation are those of the headers.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation, AlwaysUseLowerCamelCase

public import CMartlet
internal import Martlet
internal import MartletRuntime

/// The families of devices by the numbers that C programs use; the same in both headers.
enum DeviceFamily: UInt32, CaseIterable {
  case cpu = 0
  case nvidia = 1
  case metax = 2

  /// What the command line and ``Device`` call it.
  var spelling: String {
    switch self {
    case .cpu: "cpu"
    case .nvidia: "cuda"
    case .metax: "metax"
    }
  }

  init(_ kind: Device.Kind) {
    switch kind {
    case .cpu: self = .cpu
    case .cuda: self = .nvidia
    case .metax: self = .metax
    }
  }

  init(number: UInt32, _ name: String) throws(Failure) {
    guard let family = DeviceFamily(rawValue: number) else {
      throw .argument(name, expected: "0 (processor), 1 (NVIDIA) or 2 (MetaX)", found: "\(number)")
    }
    self = family
  }

  /// The device of a number. Whether the machine has it shows when it is used.
  /// - Throws: `RuntimeError` if this build does not know the family, with the reason.
  func device(_ index: Int) throws -> Device { try Device(parsing: "\(spelling):\(index)") }
}

/// The device that two numbers of a C program name.
func namedDevice(_ type: UInt32, _ index: Int32) throws -> Device {
  try DeviceFamily(number: type, "device_type").device(Int(index))
}

/// The devices that tensors of C programs lie on, each opened once.
enum Devices {
  private static let context = Context()

  /// - Throws: `RuntimeError` with the reason if the machine does not have the device.
  static func runtime(_ device: Device) throws(RuntimeError) -> Runtime { try context.runtime(for: device) }
}

@c @implementation
public func martlet_devices(
  _ json: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, _ length: UnsafeMutablePointer<Int>?
) -> martlet_status {
  boundary {
    let json = try required(json, "json")
    try give(try Report.devices().json.jsonText().utf8, json, length)
  }
}

@c @implementation
public func martlet_device_count(
  _ type: martlet_device_type, _ count: UnsafeMutablePointer<Int32>?
) -> martlet_status {
  boundary {
    let count = try required(count, "count")
    let family = try DeviceFamily(number: type.rawValue, "type")
    // What this build or machine does not have counts as none.
    let found = try? family.device(0).kind.api.deviceCount()
    count.pointee = Int32(clamping: found ?? 0)
  }
}

@c @implementation
public func martlet_set_operator_threads(_ threads: Int32) -> martlet_status {
  boundary {
    guard (0...ThreadPool.maximumThreadCount).contains(Int(threads)) else {
      throw Failure.argument("threads", expected: "0 (all) to \(ThreadPool.maximumThreadCount)", found: "\(threads)")
    }
    StreamPool.shared.setThreads(threads == 0 ? nil : Int(threads))
  }
}
