/// One device ready for use: its functions, its allocator, and streams on demand.
package final class Runtime: Sendable {
  package let device: Device
  package let api: any RuntimeAPI
  package let allocator: any Allocator
  /// The kernels of a GPU; nil on a processor.
  package let kernels: KernelLibrary?

  /// Opens a device.
  /// - Parameters:
  ///   - api: the functions behind it; those of its family unless given.
  ///   - allocator: where memory comes from; a caching allocator unless given.
  ///   - cache: where a GPU's compiled kernels are kept.
  /// - Throws: `RuntimeError.deviceUnavailable` with the reason if the machine does not have the device.
  package init(
    _ device: Device, api: (any RuntimeAPI)? = nil, allocator: (any Allocator)? = nil,
    cache: KernelCache = KernelCache()
  ) throws(RuntimeError) {
    let api = api ?? device.kind.api
    let count = try Self.deviceCount(of: device, api)
    guard device.index < count else {
      throw .deviceUnavailable(
        device: "\(device.kind.rawValue):\(device.index)", reason: "this machine has \(count) of them, counted from 0")
    }
    try api.setDevice(device.index)
    self.device = device
    self.api = api
    self.allocator = allocator ?? CachingAllocator(api: api, index: device.index)
    kernels = try (api as? any GPUAPI).map { gpu throws(RuntimeError) in
      try KernelLibrary(gpu, index: device.index, cache: cache)
    }
  }

  /// How many devices of the family there are; without any, the error names the one that was asked for.
  private static func deviceCount(of device: Device, _ api: any RuntimeAPI) throws(RuntimeError) -> Int {
    do {
      return try api.deviceCount()
    } catch {
      guard case .deviceUnavailable(_, let reason) = error else { throw error }
      throw .deviceUnavailable(device: "\(device)", reason: reason)
    }
  }

  /// What a GPU has beside the twelve functions.
  /// - Throws: `RuntimeError.deviceUnavailable` if the device is none.
  package func gpu() throws(RuntimeError) -> any GPUAPI {
    guard let gpu = api as? any GPUAPI else {
      throw .deviceUnavailable(device: "\(device)", reason: "it is no GPU, which this needs")
    }
    return gpu
  }

  /// Waits until the device has nothing left to do.
  package func synchronize() throws(RuntimeError) {
    try api.setDevice(device.index)
    try api.synchronizeDevice()
  }
}
