internal import CMartlet
internal import MartletTensor

/// The types of elements that tensors of C programs may have. Raw values are those of both headers.
enum ElementType: UInt32 {
  case byte = 1, bool, i8, i16, i32, i64, u8, u16, u32, u64, f8, f16, f32, f64, c16, c32, c64, c128, bf16

  init(number: UInt32) throws(Failure) {
    guard let type = ElementType(rawValue: number) else {
      throw .argument("dtype", expected: "the number of a type, 1 to 19", found: "\(number)")
    }
    self = type
  }

  /// Bytes of an element.
  var size: Int {
    switch self {
    case .byte, .bool, .i8, .u8, .f8: 1
    case .i16, .u16, .f16, .bf16, .c16: 2
    case .i32, .u32, .f32, .c32: 4
    case .i64, .u64, .f64, .c64: 8
    case .c128: 16
    }
  }

  /// The type by which operators know it; nil for types that are only stored.
  var dtype: DType? {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    case .i32: .i32
    case .i64: .i64
    case .u8: .u8
    case .byte, .bool, .i8, .i16, .u16, .u32, .u64, .f8, .f64, .c16, .c32, .c64, .c128: nil
    }
  }

  /// A type of the same size, or half of it for 16 bytes, as which elements are moved.
  var carrier: DType {
    switch size {
    case 1: .u8
    case 2: .f16
    case 4: .i32
    default: .i64
    }
  }

  /// The name in messages: `f32`.
  var name: String { String(describing: self) }
}
