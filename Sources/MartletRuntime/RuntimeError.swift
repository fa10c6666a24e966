/// What can go wrong between Martlet and a device.
public enum RuntimeError: Error, Equatable, Sendable {
  /// The device was asked for and is not there, or this build has no support for it.
  case deviceUnavailable(device: String, reason: String)
  /// The device has no room for so many bytes.
  case outOfMemory(device: Device, bytes: Int)
  /// A call into the vendor's library failed.
  case callFailed(device: Device, call: String, reason: String)
}

extension RuntimeError: CustomStringConvertible {
  /// One sentence for people.
  public var description: String {
    switch self {
    case .deviceUnavailable(let device, let reason):
      "device '\(device)' is not available: \(reason)"
    case .outOfMemory(let device, let bytes):
      "\(device) has no room for \(bytes) more bytes; use a smaller model, context or batch"
    case .callFailed(let device, let call, let reason):
      "\(call) failed on \(device): \(reason)"
    }
  }
}
