import MartletRuntime
import Testing

/// Every one of the twelve functions, on every device of this machine.
@Suite struct RuntimeAPITests {
  /// Sizes around the alignment and a page, and one beyond the caches.
  static let sizes = [0, 1, 63, 64, 65, 4_095, 4_096, 4_097, 1 << 24]

  @Test(arguments: Device.available)
  func countsAndChoosesDevices(device: Device) throws {
    let api = device.kind.api
    let count = try api.deviceCount()
    #expect(count >= 1)
    for index in 0..<count { try api.setDevice(index) }
    for index in [-1, count, Int.max] {
      #expect(throws: RuntimeError.self) { try api.setDevice(index) }
    }
    try api.setDevice(device.index)
    try api.synchronizeDevice()
  }

  @Test(arguments: Device.available)
  func makesAndDestroysStreams(device: Device) throws {
    let api = device.kind.api
    try api.setDevice(device.index)
    let streams = try (0..<4).map { _ in try api.createStream() }
    for stream in streams { try api.synchronizeStream(stream) }
    for stream in streams { api.destroyStream(stream) }
  }

  @Test(arguments: Device.available, sizes)
  func memoryOfTheDeviceIsAlignedAndHoldsWhatIsCopied(device: Device, bytes: Int) throws {
    let api = device.kind.api
    try api.setDevice(device.index)
    let host = try api.allocateHost(bytes: bytes)
    let back = try api.allocateHost(bytes: bytes)
    let first = try api.allocateDevice(bytes: bytes)
    let second = try api.allocateDevice(bytes: bytes)
    defer {
      api.freeHost(host)
      api.freeHost(back)
      api.freeDevice(first)
      api.freeDevice(second)
    }
    for pointer in [first, second] { #expect(UInt(bitPattern: pointer) % 64 == 0) }
    #expect(Set([host, back, first, second]).count == 4)

    let source = UnsafeMutableRawBufferPointer(start: host, count: bytes)
    let result = UnsafeMutableRawBufferPointer(start: back, count: bytes)
    for index in source.indices { source[index] = UInt8(truncatingIfNeeded: index &* 31 &+ 7) }

    try api.copy(to: first, from: host, bytes: bytes, kind: .hostToDevice)
    try api.copy(to: second, from: first, bytes: bytes, kind: .deviceToDevice)
    try api.copy(to: back, from: second, bytes: bytes, kind: .deviceToHost)
    #expect(source.elementsEqual(result))

    for index in result.indices { result[index] = 0 }
    try api.copy(to: back, from: host, bytes: bytes, kind: .hostToHost)
    #expect(source.elementsEqual(result))
  }

  @Test(arguments: Device.available, sizes)
  func copiesOnAStreamHappenInOrder(device: Device, bytes: Int) throws {
    let api = device.kind.api
    try api.setDevice(device.index)
    let stream = try api.createStream()
    let ones = try api.allocateHost(bytes: bytes)
    let twos = try api.allocateHost(bytes: bytes)
    let there = try api.allocateDevice(bytes: bytes)
    let back = try api.allocateHost(bytes: bytes)
    defer {
      api.destroyStream(stream)
      for pointer in [ones, twos, back] { api.freeHost(pointer) }
      api.freeDevice(there)
    }
    ones.initializeMemory(as: UInt8.self, repeating: 1, count: bytes)
    twos.initializeMemory(as: UInt8.self, repeating: 2, count: bytes)
    try api.copyAsync(to: there, from: ones, bytes: bytes, kind: .hostToDevice, stream: stream)
    try api.copyAsync(to: there, from: twos, bytes: bytes, kind: .hostToDevice, stream: stream)
    try api.copyAsync(to: back, from: there, bytes: bytes, kind: .deviceToHost, stream: stream)
    try api.synchronizeStream(stream)
    #expect(UnsafeRawBufferPointer(start: back, count: bytes).allSatisfy { $0 == 2 })
  }

  @Test(arguments: Device.available)
  func moreMemoryThanThereIsIsAnError(device: Device) throws {
    let api = device.kind.api
    try api.setDevice(device.index)
    #expect(throws: RuntimeError.outOfMemory(device: device, bytes: Int.max)) {
      try api.allocateDevice(bytes: Int.max)
    }
    #expect(throws: RuntimeError.self) { try api.allocateHost(bytes: Int.max) }
  }
}
