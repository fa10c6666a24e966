/// The type of a tensor's elements: plain numbers, or blocks of quantised weights as GGUF files store them.
///
/// A quantised type packs `blockSize` consecutive elements of a row into `blockBytes` bytes, so only whole rows that
/// are a multiple of `blockSize` can be addressed. The block layouts are those of ggml (`ggml-common.h` of
/// llama.cpp, tensor types of the GGUF specification).
public enum DType: UInt8, Sendable, Hashable, CaseIterable {
  case f32, f16, bf16
  case i32, i64, u8
  // The names that GGUF tools print.
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q8_0, q4_0, q4_1, q5_0, q5_1
  // swift-format-ignore: AlwaysUseLowerCamelCase
  case q4_K, q5_K, q6_K

  /// Elements in one block; 1 for plain types.
  @inlinable public var blockSize: Int {
    switch self {
    case .f32, .f16, .bf16, .i32, .i64, .u8: 1
    case .q8_0, .q4_0, .q4_1, .q5_0, .q5_1: 32
    case .q4_K, .q5_K, .q6_K: 256
    }
  }

  /// Bytes of one block; the size of an element for plain types.
  @inlinable public var blockBytes: Int {
    switch self {
    case .f32, .i32: 4
    case .f16, .bf16: 2
    case .i64: 8
    case .u8: 1
    case .q4_0: 2 + 16
    case .q4_1: 4 + 16
    case .q5_0: 2 + 4 + 16
    case .q5_1: 4 + 4 + 16
    case .q8_0: 2 + 32
    case .q4_K: 4 + 12 + 128
    case .q5_K: 4 + 12 + 32 + 128
    case .q6_K: 128 + 64 + 16 + 2
    }
  }

  /// Whether elements come in blocks and can only be read by dequantising.
  @inlinable public var isQuantized: Bool { blockSize > 1 }

  /// Whether arithmetic operators accept this type for activations.
  @inlinable public var isFloatingPoint: Bool {
    switch self {
    case .f32, .f16, .bf16: true
    default: false
    }
  }

  /// The bytes that `count` consecutive elements take, or nil if `count` is negative, is not a whole number of blocks,
  /// or the size does not fit an `Int`.
  public func byteCount(elements count: Int) -> Int? {
    guard count >= 0, count % blockSize == 0 else { return nil }
    let (bytes, overflow) = (count / blockSize).multipliedReportingOverflow(by: blockBytes)
    return overflow ? nil : bytes
  }

  /// The name used in messages, JSON and on the command line: `f32`, `q4_1`, `q4_K`.
  public var name: String { String(describing: self) }
}
