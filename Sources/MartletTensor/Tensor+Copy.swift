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
    case .cpu: copyStrided(from: pointer, to: result.pointer)
    case .cuda, .metax:
      try result.load(contentsOf: hostBytes(), on: runtime)
    }
    return result
  }

  /// A contiguous copy on a device.
  package func copy(to runtime: Runtime) throws(TensorError) -> Tensor {
    let result = try Tensor(shape, dtype, on: runtime)
    if isContiguous {
      try Self.copy(
        to: result.pointer, on: runtime.device, from: pointer, on: device, bytes: byteCount, by: runtime)
    } else {
      guard !dtype.isQuantized else { throw .quantizedLayout(dtype: dtype, operation: "contiguous") }
      try result.load(contentsOf: hostBytes(), on: runtime)
    }
    return result
  }

  /// The elements of a plain type in row-major order, in host memory.
  package func hostBytes() throws(TensorError) -> [UInt8] {
    guard byteCount > 0 else { return [] }
    let count = isContiguous ? elementCount : layout.upperBound.map { $0 - layout.offset } ?? 0
    var span: [UInt8] = []
    var source = pointer
    if device.kind != .cpu {
      span = [UInt8](repeating: 0, count: dtype.byteCount(elements: count) ?? 0)
      try span.withUnsafeMutableBytes { bytes in
        Result { () throws(TensorError) in
          try Self.copy(to: bytes.baseAddress!, on: .cpu, from: pointer, on: device, bytes: bytes.count)
        }
      }.get()
      if isContiguous { return span }
    }
    var result = [UInt8](repeating: 0, count: byteCount)
    span.withUnsafeMutableBytes { bytes in
      if device.kind != .cpu { source = bytes.baseAddress! }
      result.withUnsafeMutableBytes { copyStrided(from: source, to: $0.baseAddress!) }
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
    try Self.copy(to: pointer, on: device, from: source, on: .cpu, bytes: byteCount, by: runtime)
  }

  /// Copies between any two devices and waits until it is done.
  /// - Parameter runtime: of one of the devices, if the caller has it.
  private static func copy(
    to destination: UnsafeMutableRawPointer, on target: Device, from source: UnsafeRawPointer, on origin: Device,
    bytes: Int, by runtime: Runtime? = nil
  ) throws(TensorError) {
    let kind: CopyKind =
      switch (origin.kind, target.kind) {
      case (.cpu, .cpu): .hostToHost
      case (.cpu, _): .hostToDevice
      case (_, .cpu): .deviceToHost
      case (_, _): .deviceToDevice
      }
    do throws(RuntimeError) {
      // The device that is no host has the functions for both.
      let device = target.kind == .cpu ? origin : target
      let known = runtime.flatMap { $0.device == device ? $0.api : nil }
      let api = known ?? device.kind.api
      try api.setDevice(device.index)
      try api.copy(to: destination, from: source, bytes: bytes, kind: kind)
    } catch {
      throw .runtime(error)
    }
  }

  /// Writes the elements in row-major order to host memory; `base` is where the first one can be read.
  private func copyStrided(from base: UnsafeMutableRawPointer, to destination: UnsafeMutableRawPointer) {
    let size = dtype.blockBytes
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
    // A tensor in a mapped file starts where the file says, which need not be a multiple of its element's size.
    let bytes = try hostBytes()
    return bytes.withUnsafeBytes { pointer in
      (0..<elementCount).map { index in
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
}
