package import MartletTensor

/// Writes a GGUF file (version 3, little-endian): the header first, then the tensors one after the other.
package struct GGUFWriter: ~Copyable {
  /// A tensor that will be written.
  package struct Tensor: Sendable, Equatable {
    package let name: String
    /// Outermost first.
    package let shape: [Int]
    package let type: DType

    package init(name: String, shape: [Int], type: DType) {
      self.name = name
      self.shape = shape
      self.type = type
    }

    /// Bytes of the data.
    package var byteCount: Int { type.byteCount(elements: shape.reduce(1, *)) ?? 0 }
  }

  private static let alignment = 32

  private var file: OutputFile
  private var sizes: ArraySlice<Int>
  /// Bytes of the current tensor that are still to come.
  private var missing = 0

  /// Bytes written so far.
  package var byteCount: Int { file.count }

  /// Makes the file and writes its header. `tensors` are written afterwards, in this order; their rows are whole blocks.
  /// - Parameter replaces: whether a file of that name may be replaced.
  package init(
    path: String, header: GGUFHeader, tensors: [Tensor], replaces: Bool = false
  ) throws(OutputError) {
    var bytes = Array("GGUF".utf8)
    GGUFHeader.append(UInt32(3), to: &bytes)
    GGUFHeader.append(UInt64(tensors.count), to: &bytes)
    GGUFHeader.append(UInt64(header.count), to: &bytes)
    bytes += header.encoded
    var offset = 0
    for tensor in tensors {
      precondition(
        tensor.shape.last.map { $0 % tensor.type.blockSize == 0 } ?? false,
        "rows of \(tensor.name) are no whole blocks of \(tensor.type.name)")
      GGUFHeader.appendString(tensor.name.utf8, to: &bytes)
      GGUFHeader.append(UInt32(tensor.shape.count), to: &bytes)
      for extent in tensor.shape.reversed() { GGUFHeader.append(UInt64(extent), to: &bytes) }
      GGUFHeader.append(GGMLType.number(tensor.type), to: &bytes)
      GGUFHeader.append(UInt64(offset), to: &bytes)
      offset += Self.aligned(tensor.byteCount)
    }
    bytes += [UInt8](repeating: 0, count: Self.aligned(bytes.count) - bytes.count)
    var file = try OutputFile(path: path, replaces: replaces)
    try file.write(bytes)
    self.file = file
    sizes = tensors.map(\.byteCount)[...]
  }

  private static func aligned(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }

  private mutating func pad() throws(OutputError) {
    try file.write([UInt8](repeating: 0, count: Self.aligned(file.count) - file.count))
  }

  /// Appends bytes of the next tensor's data, or of the one that was begun.
  package mutating func write(_ bytes: UnsafeRawBufferPointer) throws(OutputError) {
    if missing == 0, let size = sizes.popFirst() { missing = size }
    precondition(bytes.count <= missing, "more data than the tensor has")
    try file.write(bytes)
    missing -= bytes.count
    if missing == 0 { try pad() }
  }

  /// Gives the file its name; all tensors must have been written.
  package mutating func finish() throws(OutputError) {
    precondition(missing == 0 && sizes.isEmpty, "\(sizes.count) tensors were announced and not written")
    try file.finish()
  }
}
