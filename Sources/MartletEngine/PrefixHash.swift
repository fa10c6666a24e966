/// Names the content of a KV cache block: every token from the sequence's first to the block's last, the adapter that
/// computed it and the tenant's salt.
///
/// Version 1. `root` is the SipHash-2-4 (Aumasson and Bernstein, 2012; 128-bit output) of the byte 1 and the adapter's
/// and the salt's UTF-8 bytes, each preceded by a presence byte and its length, and the prompt's length where keys depend on
/// it; a block's hash is the SipHash of its
/// parent's 16 bytes and its token ids, all little-endian. The function is keyed: who does not know the engine's random
/// key can make no two prompts collide, so a hit needs no comparison of tokens.
package struct PrefixHash: Sendable, Hashable {
  package let low: UInt64
  package let high: UInt64

  /// The secret of one engine. Hashes under different keys have nothing in common.
  package struct Key: Sendable {
    let first: UInt64
    let second: UInt64

    package init(_ first: UInt64, _ second: UInt64) {
      (self.first, self.second) = (first, second)
    }

    /// A key from the system's random numbers.
    package static func random() -> Key {
      Key(.random(in: .min ... .max), .random(in: .min ... .max))
    }
  }

  /// The parent of a sequence's first block.
  package static func root(key: Key, adapter: String?, salt: String?, length: Int? = nil) -> PrefixHash {
    var message: [UInt8] = [1]
    for text in [adapter, salt] {
      message.append(text == nil ? 0 : 1)
      let bytes = Array((text ?? "").utf8)
      withUnsafeBytes(of: UInt64(bytes.count).littleEndian) { message.append(contentsOf: $0) }
      message.append(contentsOf: bytes)
    }
    if let length {
      withUnsafeBytes(of: UInt64(length).littleEndian) { message.append(contentsOf: $0) }
    }
    return message.withUnsafeBytes { PrefixHash(key: key, bytes: $0) }
  }

  /// The hash of a full block that holds `tokens` and follows the block named by this hash.
  package func child(key: Key, tokens: ArraySlice<Int32>) -> PrefixHash {
    var message: [UInt64] = [low.littleEndian, high.littleEndian]
    message.reserveCapacity(2 + (tokens.count + 1) / 2)
    var index = tokens.startIndex
    while index < tokens.endIndex {
      let second = index + 1 < tokens.endIndex ? UInt64(UInt32(bitPattern: tokens[index + 1])) : 0
      message.append((UInt64(UInt32(bitPattern: tokens[index])) | second << 32).littleEndian)
      index += 2
    }
    return message.withUnsafeBytes { PrefixHash(key: key, bytes: .init(rebasing: $0[..<(16 + tokens.count * 4)])) }
  }

  /// SipHash-2-4 with 128 bits of output.
  init(key: Key, bytes: UnsafeRawBufferPointer) {
    var v0 = key.first ^ 0x736f_6d65_7073_6575
    var v1 = key.second ^ 0x646f_7261_6e64_6f6d ^ 0xee
    var v2 = key.first ^ 0x6c79_6765_6e65_7261
    var v3 = key.second ^ 0x7465_6462_7974_6573

    func rotate(_ value: UInt64, _ count: UInt64) -> UInt64 { value &<< count | value &>> (64 &- count) }
    func mix(_ rounds: Int) {
      for _ in 0..<rounds {
        v0 = v0 &+ v1
        v1 = rotate(v1, 13) ^ v0
        v0 = rotate(v0, 32)
        v2 = v2 &+ v3
        v3 = rotate(v3, 16) ^ v2
        v0 = v0 &+ v3
        v3 = rotate(v3, 21) ^ v0
        v2 = v2 &+ v1
        v1 = rotate(v1, 17) ^ v2
        v2 = rotate(v2, 32)
      }
    }
    func absorb(_ word: UInt64) {
      v3 ^= word
      mix(2)
      v0 ^= word
    }

    let wordCount = bytes.count / 8
    for index in 0..<wordCount {
      absorb(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)))
    }
    var last = UInt64(truncatingIfNeeded: bytes.count) << 56
    for (shift, byte) in bytes[(wordCount * 8)...].enumerated() { last |= UInt64(byte) << UInt64(shift * 8) }
    absorb(last)

    v2 ^= 0xee
    mix(4)
    low = v0 ^ v1 ^ v2 ^ v3
    v1 ^= 0xdd
    mix(4)
    high = v0 ^ v1 ^ v2 ^ v3
  }
}
