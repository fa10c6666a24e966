package import MartletRuntime

// MARK: Copies

extension Tensor {
  /// This tensor if it has no gaps, else a copy without gaps on the same device.
  /// - Note: the copy here walks elements on the host; hot paths use the `Rearrange` operator.
  package func contiguous(on runtime: Runtime) throws(TensorError) -> Tensor {
    if isContiguous { return self }
    guard !dtype.isQuantized else { throw .quantizedLayout(dtype: dtype, operation: "contiguous") }
    let result = try Tensor(shape, dtype, on: runtime)
    switch device.kind {
    case .cpu: copyStrided(to: result.pointer)
    }
    return result
  }

  /// A contiguous copy on a device.
  package func copy(to runtime: Runtime) throws(TensorError) -> Tensor {
    let source = try contiguous(on: runtime)
    let result = try Tensor(shape, dtype, on: runtime)
    do throws(RuntimeError) {
      try runtime.api.copy(
        to: result.pointer, from: source.pointer, bytes: source.byteCount,
        kind: Self.copyKind(from: device, to: runtime.device))
    } catch {
      throw .runtime(error)
    }
    return result
  }

  /// Fills a contiguous tensor from host bytes.
  /// - Throws: ``TensorError/dataMismatch(expected:found:)`` if there are not exactly as many bytes.
  package func load(_ bytes: UnsafeRawBufferPointer, on runtime: Runtime) throws(TensorError) {
    guard isContiguous, storage.isWritable else {
      throw .dataMismatch(expected: "a contiguous, writable tensor", found: description)
    }
    guard bytes.count == byteCount else {
      throw .dataMismatch(expected: "\(byteCount) bytes for \(description)", found: "\(bytes.count) bytes")
    }
    guard let source = bytes.baseAddress, byteCount > 0 else { return }
    do throws(RuntimeError) {
      try runtime.api.copy(
        to: pointer, from: source, bytes: byteCount, kind: Self.copyKind(from: .cpu, to: device))
    } catch {
      throw .runtime(error)
    }
  }

  private static func copyKind(from source: Device, to destination: Device) -> CopyKind {
    switch (source.kind, destination.kind) {
    case (.cpu, .cpu): .hostToHost
    }
  }

  /// Writes the elements in row-major order to host memory.
  private func copyStrided(to destination: UnsafeMutableRawPointer) {
    let size = dtype.blockBytes
    let base = pointer
    var written = 0
    forEachElementOffset { offset in
      (destination + written).copyMemory(from: base + offset * size, byteCount: size)
      written += size
    }
  }

  /// Calls `body` with every element's distance from the first, in row-major order.
  package func forEachElementOffset(_ body: (Int) -> Void) {
    guard elementCount > 0 else { return }
    var index = Dimensions(repeating: 0, count: shape.count)
    var offset = 0
    while true {
      body(offset)
      var dimension = shape.count - 1
      while dimension >= 0 {
        index[dimension] += 1
        offset += strides[dimension]
        if index[dimension] < shape[dimension] { break }
        offset -= index[dimension] * strides[dimension]
        index[dimension] = 0
        dimension -= 1
      }
      if dimension < 0 { return }
    }
  }
}

// MARK: Host values

extension Tensor {
  /// A tensor of f32, f16 or bf16 from host numbers, rounded to nearest even.
  package init(_ values: [Float], shape: Shape, _ dtype: DType = .f32, on runtime: Runtime) throws(TensorError) {
    try self.init(shape, dtype, on: runtime)
    guard values.count == elementCount, dtype.isFloatingPoint else {
      throw .dataMismatch(expected: "\(elementCount) floating-point numbers", found: "\(values.count) as \(dtype.name)")
    }
    switch dtype {
    case .f16: try load(contentsOf: values.map { Float16($0) }, on: runtime)
    case .bf16: try load(contentsOf: values.map { BFloat16($0) }, on: runtime)
    default: try load(contentsOf: values, on: runtime)
    }
  }

  /// A tensor of i32 from host numbers.
  package init(_ values: [Int32], shape: Shape, on runtime: Runtime) throws(TensorError) {
    try self.init(shape, .i32, on: runtime)
    try load(contentsOf: values, on: runtime)
  }

  /// A tensor of i64 from host numbers.
  package init(_ values: [Int64], shape: Shape, on runtime: Runtime) throws(TensorError) {
    try self.init(shape, .i64, on: runtime)
    try load(contentsOf: values, on: runtime)
  }

  /// Fills a contiguous tensor from an array whose elements have the tensor's representation.
  package func load<Element: BitwiseCopyable>(
    contentsOf array: [Element], on runtime: Runtime
  ) throws(TensorError) {
    try array.withUnsafeBytes { bytes in
      Result { () throws(TensorError) in try load(bytes, on: runtime) }
    }.get()
  }

  /// All elements of a plain type in row-major order, as f64, for tests, messages and small results. Integers beyond
  /// 2^53 are rounded.
  package func hostValues(on runtime: Runtime) throws(TensorError) -> [Double] {
    guard !dtype.isQuantized else { throw .quantizedLayout(dtype: dtype, operation: "reading elements") }
    let host = try contiguous(on: runtime)
    // A tensor in a mapped file starts where the file says, which need not be a multiple of its element's size.
    let pointer = UnsafeRawPointer(host.pointer)
    return (0..<elementCount).map { index in
      switch dtype {
      case .f32: Double(pointer.loadUnaligned(fromByteOffset: index * 4, as: Float.self))
      case .f16: Double(pointer.loadUnaligned(fromByteOffset: index * 2, as: Float16.self))
      case .bf16: Double(pointer.loadUnaligned(fromByteOffset: index * 2, as: BFloat16.self).float)
      case .i32: Double(pointer.loadUnaligned(fromByteOffset: index * 4, as: Int32.self))
      case .i64: Double(pointer.loadUnaligned(fromByteOffset: index * 8, as: Int64.self))
      case .u8: Double(pointer.load(fromByteOffset: index, as: UInt8.self))
      case .q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .q4_K, .q5_K, .q6_K: .nan
      }
    }
  }
}
