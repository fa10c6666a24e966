internal import MartletRuntime
package import MartletTensor

/// What a GGUF file says about one tensor. All of it was checked when the file was opened.
package struct GGUFTensorInfo: Sendable, Equatable {
  package let name: String
  /// Row-major, outermost dimension first: a weight of `out` rows with `in` columns is `[out, in]`. (The file lists
  /// the dimensions the other way round.) One to four dimensions, none of them 0.
  package let shape: [Int]
  package let type: DType
  /// Where the data is, in bytes from the beginning of the file; aligned to the file's alignment.
  package let byteRange: Range<Int>

  /// The number of elements.
  package var elementCount: Int { shape.reduce(1, *) }
}

extension GGUFTensorInfo {
  /// A tensor as the header describes it: its data is still counted from the beginning of the data section, which is
  /// known only when all descriptions are read.
  struct Description {
    var name: String
    var shape: [Int]
    var type: DType
    /// From the beginning of the data section.
    var dataOffset: UInt64
    var byteCount: Int
    /// Where the description stands in the file, for messages.
    var position: Int
  }

  /// The least bytes of a description: name length, a name of one byte, one dimension, type and offset.
  static let minimumDescriptionSize = 8 + 1 + 4 + 8 + 4 + 8
  private static let nameLimit = 64
  private static let dimensionLimit = 4

  /// Reads one tensor description and checks all that can be checked by itself.
  static func description(_ cursor: inout GGUFCursor, index: Int) throws(GGUFError) -> Description {
    let position = cursor.offset
    let name = try cursor.name("the name of tensor \(index)", limit: nameLimit)
    // Made when an error needs it: thousands of tensors would otherwise make thousands of strings.
    func label() -> String { "tensor \(quoted(name))" }

    let dimensionStart = cursor.offset
    let dimensionCount = try cursor.number(UInt32.self, "the number of dimensions of \(label())")
    guard dimensionCount >= 1, dimensionCount <= UInt32(dimensionLimit) else {
      throw cursor.failure(
        "\(label()) has \(dimensionCount) dimensions; 1 to \(dimensionLimit) are allowed", at: dimensionStart)
    }
    var shape: [Int] = []
    var elementCount = 1
    for axis in 0..<Int(dimensionCount) {
      let start = cursor.offset
      let extent = try cursor.number(UInt64.self, "dimension \(axis) of \(label())")
      guard extent > 0 else { throw cursor.failure("dimension \(axis) of \(label()) is 0", at: start) }
      guard let size = Int(exactly: extent) else {
        throw cursor.failure("dimension \(axis) of \(label()) is \(extent), which is too large", at: start)
      }
      let (product, overflow) = elementCount.multipliedReportingOverflow(by: size)
      guard !overflow else {
        throw cursor.failure("\(label()) has more elements than 2^63: dimension \(axis) is \(extent)", at: start)
      }
      elementCount = product
      shape.append(size)
    }

    let type = try dataType(&cursor, label())
    let rowLength = shape[0]
    guard rowLength % type.blockSize == 0 else {
      throw cursor.failure(
        "\(label()) has rows of \(rowLength) elements, but \(type.name) packs blocks of \(type.blockSize)",
        at: dimensionStart + 4)
    }
    guard let byteCount = type.byteCount(elements: elementCount) else {
      throw cursor.failure(
        "\(label()) has \(elementCount) elements of \(type.name): more than 2^63 bytes", at: position)
    }
    let dataOffset = try cursor.number(UInt64.self, "the data offset of \(label())")
    return Description(
      name: name, shape: shape.reversed(), type: type, dataOffset: dataOffset, byteCount: byteCount,
      position: position)
  }

  private static func dataType(_ cursor: inout GGUFCursor, _ label: @autoclosure () -> String) throws(GGUFError)
    -> DType
  {
    let start = cursor.offset
    let number = try cursor.number(UInt32.self, "the type of \(label())")
    if let type = GGMLType.dataType(number) { return type }
    guard let name = GGMLType.unsupportedName(number) else {
      throw cursor.failure(
        "\(label()) has type \(number), which is no known tensor type; supported are \(GGMLType.supportedNames)",
        at: start)
    }
    throw cursor.failure(
      "\(label()) has type \(name), which Martlet does not read; supported are \(GGMLType.supportedNames)",
      kind: .unsupported, at: start)
  }

  /// Places the described tensors in the file: each must be aligned, lie inside the file and share no byte with another.
  ///
  /// - Parameter dataStart: the beginning of the data section.
  static func place(
    _ descriptions: [Description], in cursor: GGUFCursor, dataStart: Int, alignment: Int
  ) throws(GGUFError) -> [GGUFTensorInfo] {
    let fileSize = cursor.file.count
    var tensors: [GGUFTensorInfo] = []
    tensors.reserveCapacity(descriptions.count)
    for tensor in descriptions {
      func label() -> String { "the data of tensor \(quoted(tensor.name))" }
      guard tensor.dataOffset % UInt64(alignment) == 0 else {
        throw cursor.failure(
          "\(label()) begins at offset \(tensor.dataOffset), which is no multiple of the alignment \(alignment)",
          at: tensor.position)
      }
      // Compared by subtraction from the file's size: a sum with a hostile offset could overflow.
      guard dataStart <= fileSize, tensor.dataOffset <= UInt64(fileSize - dataStart),
        tensor.byteCount <= fileSize - dataStart - Int(tensor.dataOffset)
      else {
        throw cursor.failure(
          "\(label()) is out of range: \(tensor.byteCount) bytes at offset \(tensor.dataOffset) of the data section, "
            + "which has \(max(0, fileSize - dataStart)) bytes; the file may be cut off",
          at: tensor.position)
      }
      let start = dataStart + Int(tensor.dataOffset)
      tensors.append(
        GGUFTensorInfo(
          name: tensor.name, shape: tensor.shape, type: tensor.type, byteRange: start..<start + tensor.byteCount))
    }

    let order = tensors.indices.sorted { tensors[$0].byteRange.lowerBound < tensors[$1].byteRange.lowerBound }
    for (earlier, later) in zip(order, order.dropFirst())
    where tensors[earlier].byteRange.upperBound > tensors[later].byteRange.lowerBound {
      throw cursor.failure(
        "the data of tensor \(quoted(tensors[later].name)) (bytes \(tensors[later].byteRange)) overlaps that of "
          + "tensor \(quoted(tensors[earlier].name)) (bytes \(tensors[earlier].byteRange))",
        at: descriptions[later].position)
    }
    return tensors
  }
}
