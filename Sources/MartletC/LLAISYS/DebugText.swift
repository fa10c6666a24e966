import Glibc
internal import MartletTensor

extension TensorObject {
  /// What LLAISYS's `Tensor::debug` prints: shape, strides and type in a line, then a line for each row of the last
  /// dimension. Integers of one byte are numbers here, and types that C++ has no output for are bytes in hexadecimal.
  func debugText() throws -> String {
    func listed(_ numbers: Dimensions) -> String { numbers.map { "\($0) " }.joined() }
    var text = "Tensor: shape[ \(listed(shape))] strides[ \(listed(layout.strides))] dtype=\(type.rawValue)\n"
    let width = shape.last ?? 1
    try withHostBytes { bytes in
      for index in 0..<layout.elementCount {
        text += element(UnsafeRawBufferPointer(rebasing: bytes[index * type.size..<(index + 1) * type.size])) + " "
        if (index + 1) % width == 0 { text += "\n" }
      }
    }
    return text
  }

  private func element(_ bytes: UnsafeRawBufferPointer) -> String {
    switch type {
    case .bool: bytes.load(as: UInt8.self) == 0 ? "0" : "1"
    case .byte, .i8: "\(bytes.load(as: Int8.self))"
    case .i16: "\(bytes.load(as: Int16.self))"
    case .i32: "\(bytes.load(as: Int32.self))"
    case .i64: "\(bytes.load(as: Int64.self))"
    case .u8: "\(bytes.load(as: UInt8.self))"
    case .u16: "\(bytes.load(as: UInt16.self))"
    case .u32: "\(bytes.load(as: UInt32.self))"
    case .u64: "\(bytes.load(as: UInt64.self))"
    case .f16: Self.sixDigits(Double(bytes.load(as: Float16.self)))
    case .bf16: Self.sixDigits(Double(bytes.load(as: BFloat16.self).float))
    case .f32: Self.sixDigits(Double(bytes.load(as: Float.self)))
    case .f64: Self.sixDigits(bytes.load(as: Double.self))
    case .f8, .c16, .c32, .c64, .c128:
      bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
  }

  /// A number as C++ streams write it: `%g`.
  private static func sixDigits(_ value: Double) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { buffer in
      _ = withVaList([value]) { vsnprintf(buffer.baseAddress!, buffer.count, "%g", $0) }
      return String(cString: buffer.baseAddress!)
    }
  }
}
