/// A fast hash of short byte strings: 64-bit words multiplied and folded, in the manner of Wang Yi's wyhash. The seed is
/// drawn once per process, so that a file cannot be written whose tokens all collide.
enum ByteHash {
  private static let seed = UInt64.random(in: .min ... .max)

  /// The seed of this process; hand it to ``hash(_:_:seed:)``.
  static var processSeed: UInt64 { seed }

  /// Multiplies to 128 bits and folds the halves.
  @inline(__always)
  static func mix(_ a: UInt64, _ b: UInt64) -> UInt64 {
    let product = a.multipliedFullWidth(by: b)
    return product.high ^ product.low
  }

  /// The hash of `count` bytes at `bytes`.
  @inline(__always)
  static func hash(_ bytes: UnsafePointer<UInt8>, _ count: Int, seed: UInt64) -> UInt64 {
    let raw = UnsafeRawPointer(bytes)
    var state = seed ^ 0x9E37_79B9_7F4A_7C15
    var low: UInt64 = 0
    var high: UInt64 = 0
    if count >= 8 {
      var index = 0
      while index + 8 < count {
        state = mix(raw.loadUnaligned(fromByteOffset: index, as: UInt64.self) ^ 0xE703_7ED1_A0B4_28DB, state)
        index += 8
      }
      // The last eight bytes may overlap those before: cheaper than a byte by byte tail.
      low = raw.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
    } else if count >= 4 {
      low = UInt64(raw.loadUnaligned(as: UInt32.self))
      high = UInt64(raw.loadUnaligned(fromByteOffset: count - 4, as: UInt32.self))
    } else if count > 0 {
      low = UInt64(bytes[0]) << 16 | UInt64(bytes[count >> 1]) << 8 | UInt64(bytes[count - 1])
    }
    return mix(
      low ^ 0x8EBC_6AF0_9C88_C6E3, mix(high ^ state, UInt64(truncatingIfNeeded: count) ^ 0x5899_65CC_7537_4CC3))
  }

  /// Whether `count` bytes at `a` and `b` are the same.
  @inline(__always)
  static func isEqual(_ a: UnsafePointer<UInt8>, _ b: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    let rawA = UnsafeRawPointer(a)
    let rawB = UnsafeRawPointer(b)
    if count >= 8 {
      var index = 0
      while index + 8 < count {
        if rawA.loadUnaligned(fromByteOffset: index, as: UInt64.self)
          != rawB.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        {
          return false
        }
        index += 8
      }
      return rawA.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
        == rawB.loadUnaligned(fromByteOffset: count - 8, as: UInt64.self)
    }
    for index in 0..<count where a[index] != b[index] { return false }
    return true
  }

  /// The number of slots, a power of two, for a table of `count` entries that is at most two thirds full.
  static func slotCount(for count: Int) -> Int {
    var slots = 16
    while slots < count + count / 2 { slots *= 2 }
    return slots
  }
}
