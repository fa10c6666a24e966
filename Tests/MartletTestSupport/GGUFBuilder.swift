import Foundation
package import MartletModels

/// Writes GGUF files for tests, right and wrong ones.
package struct GGUFBuilder {
  /// A metadata value, or any bytes that pretend to be one.
  package indirect enum Value {
    case uint8(UInt8), int8(Int8), uint16(UInt16), int16(Int16), uint32(UInt32), int32(Int32), float32(Float)
    case bool(Bool), string(String), array(GGUFValueType, [Value]), uint64(UInt64), int64(Int64), float64(Double)
    case raw(type: UInt32, [UInt8])

    package var type: UInt32 {
      switch self {
      case .uint8: 0
      case .int8: 1
      case .uint16: 2
      case .int16: 3
      case .uint32: 4
      case .int32: 5
      case .float32: 6
      case .bool: 7
      case .string: 8
      case .array: 9
      case .uint64: 10
      case .int64: 11
      case .float64: 12
      case .raw(let type, _): type
      }
    }

    package var bytes: [UInt8] {
      switch self {
      case .uint8(let value): littleEndian(value)
      case .int8(let value): littleEndian(value)
      case .uint16(let value): littleEndian(value)
      case .int16(let value): littleEndian(value)
      case .uint32(let value): littleEndian(value)
      case .int32(let value): littleEndian(value)
      case .float32(let value): littleEndian(value.bitPattern)
      case .bool(let value): [value ? 1 : 0]
      case .string(let value): lengthAndBytes(Array(value.utf8))
      case .array(let type, let values):
        littleEndian(type.rawValue) + littleEndian(UInt64(values.count)) + values.flatMap(\.bytes)
      case .uint64(let value): littleEndian(value)
      case .int64(let value): littleEndian(value)
      case .float64(let value): littleEndian(value.bitPattern)
      case .raw(_, let bytes): bytes
      }
    }
  }

  package struct Tensor {
    package var name: String
    /// In the file's order: the length of a row first.
    package var dimensions: [UInt64]
    package var type: UInt32
    package var data: [UInt8]
    /// Instead of the next aligned place.
    package var offset: UInt64?

    package init(_ name: String, _ dimensions: [UInt64], type: UInt32 = 0, bytes: Int = 0, offset: UInt64? = nil) {
      self.name = name
      self.dimensions = dimensions
      self.type = type
      self.data = (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
      self.offset = offset
    }
  }

  package var magic = Array("GGUF".utf8)
  package var version: UInt32 = 3
  /// Instead of the true counts.
  package var tensorCount: UInt64?
  package var keyCount: UInt64?
  package var metadata: [(key: String, value: Value)] = []
  package var tensors: [Tensor] = []
  package var alignment = 32

  package init() {}

  /// Everything before the padding that precedes the data section.
  package var header: [UInt8] {
    var bytes = magic + littleEndian(version)
    bytes += littleEndian(tensorCount ?? UInt64(tensors.count))
    bytes += littleEndian(keyCount ?? UInt64(metadata.count))
    for (key, value) in metadata {
      bytes += lengthAndBytes(Array(key.utf8)) + littleEndian(value.type) + value.bytes
    }
    var next: UInt64 = 0
    for tensor in tensors {
      bytes += lengthAndBytes(Array(tensor.name.utf8)) + littleEndian(UInt32(tensor.dimensions.count))
      bytes += tensor.dimensions.flatMap { littleEndian($0) } + littleEndian(tensor.type)
      bytes += littleEndian(tensor.offset ?? next)
      next += UInt64(padded(tensor.data).count)
    }
    return bytes
  }

  /// The whole file.
  package var bytes: [UInt8] { padded(header) + tensors.flatMap { padded($0.data) } }

  private func padded(_ bytes: [UInt8]) -> [UInt8] {
    bytes + [UInt8](repeating: 0, count: (alignment - bytes.count % alignment) % alignment)
  }
}

package func littleEndian<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

package func lengthAndBytes(_ bytes: [UInt8]) -> [UInt8] { littleEndian(UInt64(bytes.count)) + bytes }

/// A file that is gone when the object is.
package final class TemporaryFile: Sendable {
  package let path: String

  package init(_ bytes: [UInt8]) throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID().uuidString).gguf").path
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  /// Overwrites the file from `offset` on.
  package func write(_ bytes: some Sequence<UInt8>, at offset: Int) throws {
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    defer { try? handle.close() }
    try handle.seek(toOffset: UInt64(offset))
    try handle.write(contentsOf: Data(bytes))
  }

  package func truncate(to size: Int) throws {
    let handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    defer { try? handle.close() }
    try handle.truncate(atOffset: UInt64(size))
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

extension GGUFBuilder {
  /// A small file with every value type, nested arrays and three tensors.
  package static var sample: GGUFBuilder {
    var builder = GGUFBuilder()
    builder.metadata = [
      ("u8", .uint8(200)), ("i8", .int8(-100)), ("u16", .uint16(60000)), ("i16", .int16(-30000)),
      ("u32", .uint32(4_000_000_000)), ("i32", .int32(-2_000_000_000)), ("u64", .uint64(1 << 40)),
      ("i64", .int64(-1 << 40)), ("f32", .float32(0.1)), ("f64", .float64(0.1)), ("yes", .bool(true)),
      ("no", .bool(false)), ("text", .string("naïve 鳥")), ("empty", .string("")),
      ("strings", .array(.string, (0..<70).map { .string(String(repeating: "x", count: $0 % 7) + "\($0)") })),
      ("floats", .array(.float32, [.float32(1), .float32(-2.5)])),
      ("integers", .array(.int32, [.int32(3), .int32(-4), .int32(5)])),
      ("flags", .array(.bool, [.bool(true), .bool(false)])),
      ("nothing", .array(.uint64, [])),
      (
        "nested",
        .array(
          .array,
          (0..<40).map { index in .array(.array, [.array(.uint8, [.uint8(index)]), .array(.string, [.string("n")])]) })
      ),
    ]
    builder.tensors = [
      Tensor("token_embd.weight", [32, 3], type: 8, bytes: 3 * 34),
      Tensor("blk.0.attn_norm.weight", [5], bytes: 20),
      Tensor("cube", [2, 3, 4], type: 1, bytes: 48),
    ]
    return builder
  }
}
