internal import CMartlet
internal import MartletTensor

/// Numbers of a C program that are to be extents, strides or an order of dimensions.
enum Extents {
  /// More than any machine holds, and so little that sums and products of sizes of several tensors fit an `Int`.
  private static let mostBytes = 1 << 47

  /// Up to eight numbers, none negative.
  static func read<Number: FixedWidthInteger>(
    _ pointer: UnsafePointer<Number>?, _ count: Int, _ name: String
  ) throws(Failure) -> Dimensions {
    guard (0...Dimensions.capacity).contains(count) else {
      throw .argument(
        "the number of dimensions", expected: "0 to \(Dimensions.capacity)", found: "\(UInt(bitPattern: count))")
    }
    var result = Dimensions()
    for (index, number) in try list(pointer, count, name).enumerated() {
      guard let value = Int(exactly: number), value >= 0 else {
        throw .argument("\(name)[\(index)]", expected: "0 to \(Int.max)", found: "\(number)")
      }
      result.append(value)
    }
    return result
  }

  /// Refuses a shape whose elements nobody could store. A tensor without elements must not be huge in its other dimensions
  /// either, since operators calculate with them.
  static func check(_ shape: Shape, _ type: ElementType) throws(Failure) {
    var bytes = type.size
    for extent in shape where extent > 0 {
      let (product, overflow) = bytes.multipliedReportingOverflow(by: extent)
      guard !overflow, product <= mostBytes else {
        throw .argument("shape", expected: "of at most \(mostBytes) bytes", found: "\(shape) of type \(type.name)")
      }
      bytes = product
    }
  }
}
