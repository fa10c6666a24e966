import MartletRuntime
import MartletTensor
import Testing

@Suite struct TensorTests {
  let runtime: Runtime
  init() throws { runtime = try Runtime(.cpu) }

  private func counting(_ shape: Shape, _ dtype: DType = .f32) throws -> Tensor {
    try Tensor((0..<shape.reduce(1, *)).map(Float.init), shape: shape, dtype, on: runtime)
  }

  // MARK: Looks

  @Test func slicesAndPermutationsShareTheMemory() throws {
    let tensor = try counting([2, 3, 4])
    let part = try tensor.permute([2, 0, 1]).slice(0, 1..<3).slice(2, 2..<3)
    #expect(part.shape == [2, 2, 1])
    #expect(part.strides == [1, 12, 4])
    #expect(part.storage === tensor.storage)
    #expect(try part.hostValues(on: runtime) == [9, 21, 10, 22])
    part.pointer(as: Float.self)[0] = -1
    #expect(try tensor.hostValues(on: runtime)[9] == -1)
    #expect(try tensor.prefix(1).hostValues(on: runtime).count == 12)
    #expect(try tensor.prefix(0).shape == [0, 3, 4])
  }

  @Test(arguments: [[0, 1], [0, 1, 1], [0, 1, 3], [1, 2, 3], [-1, 0, 1], [0, 1, 2, 3], []] as [Dimensions])
  func refusesWhatIsNoPermutation(order: Dimensions) throws {
    let tensor = try counting([2, 3, 4])
    #expect(throws: TensorError.invalidPermutation(order: order, shape: [2, 3, 4])) { try tensor.permute(order) }
  }

  @Test(arguments: [(-1, 0..<1), (3, 0..<1), (0, 0..<3), (1, 3..<4), (2, -1..<2), (0, Int.min..<Int.max)])
  func refusesSlicesOutside(dimension: Int, range: Range<Int>) throws {
    let tensor = try counting([2, 3, 4])
    #expect(throws: TensorError.sliceOutOfRange(dimension: dimension, range: range, shape: [2, 3, 4])) {
      try tensor.slice(dimension, range)
    }
  }

  @Test func anEmptySliceAtTheEndStaysInside() throws {
    let tensor = try counting([2, 3])
    let empty = try tensor.slice(0, 2..<2).slice(1, 3..<3)
    #expect(empty.elementCount == 0)
    #expect(empty.layout.offset == 0)
    #expect(empty.byteCount == 0)
    #expect(try empty.hostValues(on: runtime) == [])
    #expect(try empty.contiguous(on: runtime).shape == [0, 0])
    #expect(try empty.copy(to: runtime).shape == [0, 0])
    #expect(try empty.view([5, 0, 2]).shape == [5, 0, 2])
  }

  @Test(arguments: [[7], [2, 4], [-2, -3], [6, 0], [Int.max, 2], [1 << 62, 1 << 62, 0]] as [Shape])
  func refusesViewsOfAnotherSize(shape: Shape) throws {
    let tensor = try counting([2, 3])
    #expect(throws: TensorError.viewChangesElementCount(from: [2, 3], to: shape)) { try tensor.view(shape) }
  }

  @Test func scalarsHaveOneElement() throws {
    let scalar = try counting([])
    #expect(scalar.elementCount == 1)
    #expect(try scalar.view([1, 1]).view([]).hostValues(on: runtime) == [0])
    #expect(try scalar.permute([]).shape == [])
  }

  // MARK: Copies

  @Test(arguments: [DType.f32, .f16, .bf16])
  func contiguousCopiesOnlyWhatHasGaps(dtype: DType) throws {
    let tensor = try counting([3, 5], dtype)
    #expect(try tensor.contiguous(on: runtime).storage === tensor.storage)
    #expect(try tensor.slice(0, 1..<3).contiguous(on: runtime).storage === tensor.storage)
    let turned = try tensor.permute([1, 0]).contiguous(on: runtime)
    #expect(turned.storage !== tensor.storage)
    #expect(turned.strides == [3, 1])
    #expect(try turned.hostValues(on: runtime) == [0, 5, 10, 1, 6, 11, 2, 7, 12, 3, 8, 13, 4, 9, 14])
  }

  @Test(arguments: Device.available)
  func copiesToADeviceAndBack(device: Device) throws {
    let there = try Context().runtime(for: device)
    let tensor = try counting([4, 3]).permute([1, 0]).slice(0, 1..<3)
    let copy = try tensor.copy(to: there)
    #expect(copy.device == device)
    #expect(copy.isContiguous)
    #expect(copy.storage !== tensor.storage)
    let back = try copy.copy(to: runtime)
    #expect(try back.hostValues(on: runtime) == [1, 4, 7, 10, 2, 5, 8, 11])
  }

  @Test func integersKeepTheirValues() throws {
    let narrow: [Int32] = [.min, -1, 0, .max]
    #expect(try Tensor(narrow, shape: [2, 2], on: runtime).hostValues(on: runtime) == narrow.map(Double.init))
    let wide: [Int64] = [-1 << 53, 5, 1 << 53]
    #expect(try Tensor(wide, shape: [3], on: runtime).hostValues(on: runtime) == wide.map(Double.init))
    let bytes = try Tensor([4], .u8, on: runtime)
    try bytes.load(contentsOf: [0, 1, 254, 255] as [UInt8], on: runtime)
    #expect(try bytes.hostValues(on: runtime) == [0, 1, 254, 255])
  }

  @Test func loadsOnlyWhatFits() throws {
    let tensor = try counting([2, 3])
    for values in [[Float](), [1], Array(repeating: 1, count: 7)] {
      #expect(throws: TensorError.self) { try tensor.load(contentsOf: values, on: runtime) }
      #expect(throws: TensorError.self) { try Tensor(values, shape: [2, 3], on: runtime) }
    }
    let turned = try tensor.permute([1, 0])
    #expect(throws: TensorError.self) { try turned.load(contentsOf: [Float](repeating: 1, count: 6), on: runtime) }
    #expect(throws: TensorError.self) { try Tensor([1 as Float], shape: [1], .i32, on: runtime) }
    try Tensor([0], .f32, on: runtime).load(contentsOf: [Float](), on: runtime)
    #expect(try tensor.hostValues(on: runtime) == [0, 1, 2, 3, 4, 5])
  }

  @Test func readOnlyMemoryIsNotWritten() throws {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 16)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
    defer { bytes.deallocate() }
    let storage = Storage(borrowing: UnsafeRawBufferPointer(bytes), owner: runtime)
    let tensor = try Tensor(storage: storage, dtype: .f32, layout: Layout(contiguous: [4]))
    #expect(throws: TensorError.self) { try tensor.load(contentsOf: [Float](repeating: 1, count: 4), on: runtime) }
    #expect(try tensor.hostValues(on: runtime) == [0, 0, 0, 0])
  }

  /// A file may place a tensor anywhere.
  @Test func readsMemoryThatIsNotAligned() throws {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 17, alignment: 16)
    defer { bytes.deallocate() }
    let values: [Float] = [1, -2, 3.5]
    values.withUnsafeBytes { UnsafeMutableRawBufferPointer(rebasing: bytes[1..<13]).copyMemory(from: $0) }
    let storage = Storage(borrowing: UnsafeRawBufferPointer(rebasing: bytes[1..<17]), owner: runtime)
    let tensor = try Tensor(storage: storage, dtype: .f32, layout: Layout(contiguous: [3]))
    #expect(try tensor.hostValues(on: runtime) == [1, -2, 3.5])
    #expect(try tensor.dump(on: runtime).hasSuffix("[1.0, -2.0, 3.5]"))
  }

  // MARK: Text

  @Test func describesItself() throws {
    let tensor = try counting([2, 3], .bf16)
    #expect("\(tensor)" == "bf16[2, 3] on cpu")
    #expect(try "\(tensor.permute([1, 0]))" == "bf16[3, 2] with strides [1, 3] on cpu")
    #expect(try "\(Tensor([1, 256], .q4_K, on: runtime))" == "q4_K[1, 256] on cpu")
    #expect(try "\(counting([]))" == "f32[] on cpu")
  }

  @Test func dumpsItsElements() throws {
    #expect(try counting([2, 2]).dump(on: runtime) == "f32[2, 2] on cpu\n[[0.0, 1.0], [2.0, 3.0]]")
    #expect(try counting([7]).dump(on: runtime) == "f32[7] on cpu\n[0.0, 1.0, 2.0, …, 4.0, 5.0, 6.0]")
    #expect(try counting([3, 3]).dump(edge: 1, on: runtime).hasSuffix("[[0.0, …, 2.0], …, [6.0, …, 8.0]]"))
    #expect(try counting([]).dump(on: runtime) == "f32[] on cpu\n0.0")
    #expect(try counting([0, 3]).dump(on: runtime) == "f32[0, 3] on cpu\n[]")
    let turned = try counting([2, 2]).permute([1, 0])
    #expect(try turned.dump(on: runtime).hasSuffix("\n[[0.0, 2.0], [1.0, 3.0]]"))
    let wide = try Tensor([Int64.min, -1, Int64.max], shape: [3], on: runtime)
    #expect(try wide.dump(on: runtime) == "i64[3] on cpu\n[-9223372036854775808, -1, 9223372036854775807]")
    let odd = try Tensor([.nan, .infinity, -0.0], shape: [3], on: runtime)
    #expect(try odd.dump(on: runtime) == "f32[3] on cpu\n[nan, inf, -0.0]")
  }

  @Test func memoryGoesWithTheLastLook() throws {
    let allocator = PlainAllocator(api: CPURuntimeAPI())
    let runtime = try Runtime(.cpu, allocator: allocator)
    var whole: Tensor? = try Tensor([8, 8], .f32, on: runtime)
    var row = try whole?.slice(0, 3..<4)
    whole = nil
    #expect(allocator.usage.inUse == 256)
    #expect(row != nil)
    row = nil
    #expect(allocator.usage.inUse == 0)
  }
}
