import MartletRuntime
import MartletTensor
import Testing

/// Shapes and layouts as a broken or malicious file may ask for them: an error each, never a trap.
@Suite struct HostileShapeTests {
  let runtime: Runtime
  init() throws { runtime = try Runtime(.cpu) }

  @Test(
    arguments: [
      [-1], [Int.min], [2, -3], [-1, -1], [Int.max, 2], [1 << 32, 1 << 32], [Int.max], [0, Int.max, Int.max],
      [1 << 62, 1 << 62, 0], [0, -1],
    ] as [Shape], [DType.f32, .f16, .i64, .u8, .q4_0, .q6_K])
  func impossibleShapes(shape: Shape, dtype: DType) {
    #expect(throws: TensorError.self) { try Tensor(shape, dtype, on: runtime) }
  }

  @Test(arguments: [[1 << 40, 1 << 20], [1 << 60]] as [Shape])
  func shapesBeyondTheMemory(shape: Shape) {
    #expect(throws: TensorError.runtime(.outOfMemory(device: .cpu, bytes: 1 << 60))) {
      try Tensor(shape, .u8, on: runtime)
    }
  }

  @Test(
    arguments: [
      (.q4_0, [31]), (.q4_0, [2, 48]), (.q4_K, [128]), (.q6_K, [3, 300]), (.q8_0, []), (.q8_0, [32, 1]),
    ] as [(DType, Shape)])
  func rowsThatCutBlocks(dtype: DType, shape: Shape) {
    #expect(throws: TensorError.invalidShape(shape: Array(shape), dtype: dtype)) {
      try Tensor(shape, dtype, on: runtime)
    }
  }

  @Test(arguments: [
    Layout(contiguous: [17]), Layout(contiguous: [4, 4], offset: 1), Layout(contiguous: [1], offset: 16),
    Layout(shape: [4, 4], strides: [5, 1], offset: 0), Layout(shape: [2], strides: [16], offset: 0),
    Layout(shape: [2], strides: [Int.max], offset: 0), Layout(shape: [2], strides: [-1], offset: 1),
    Layout(shape: [2], strides: [1], offset: -1), Layout(shape: [-4], strides: [1], offset: 0),
    Layout(shape: [1], strides: [1], offset: Int.max), Layout(shape: [1 << 62, 1 << 62], strides: [0, 0], offset: 0),
    Layout(shape: [1], strides: [1], offset: 1 << 62),
  ])
  func layoutsBeyondTheStorage(layout: Layout) throws {
    let storage = try Storage(byteCount: 64, on: runtime)
    #expect(throws: TensorError.self) { try Tensor(storage: storage, dtype: .f32, layout: layout) }
  }

  @Test func everyLayoutThatIsAcceptedStaysInside() throws {
    let storage = try Storage(byteCount: 64, on: runtime)
    storage.pointer.initializeMemory(as: UInt8.self, repeating: 0, count: 64)
    var random = SystemRandomNumberGenerator()
    var accepted = 0
    for _ in 0..<2_000 {
      let rank = Int.random(in: 0...3, using: &random)
      let shape = Shape((0..<rank).map { _ in Int.random(in: 0...5, using: &random) })
      let strides = Dimensions((0..<rank).map { _ in Int.random(in: -1...6, using: &random) })
      let layout = Layout(shape: shape, strides: strides, offset: Int.random(in: -1...20, using: &random))
      guard let tensor = try? Tensor(storage: storage, dtype: .f32, layout: layout) else { continue }
      accepted += 1
      var outside = 0
      tensor.forEachElementOffset { if !(0..<16).contains(layout.offset + $0) { outside += 1 } }
      #expect(outside == 0, "\(layout)")
      #expect(try tensor.hostValues(on: runtime).count == layout.elementCount)
    }
    #expect(accepted > 50)
  }

  @Test func blocksAreAddressedWholeOrNotAtAll() throws {
    let tensor = try Tensor([4, 64], .q4_0, on: runtime)
    #expect(tensor.byteCount == 4 * 2 * 18)
    let part = try tensor.slice(0, 1..<3).slice(1, 32..<64)
    #expect(part.pointer - tensor.pointer == (2 + 1) * 18)
    #expect(try tensor.view([2, 128]).shape == [2, 128])
    let refused: [(String, () throws -> Tensor)] = [
      ("half a block", { try tensor.slice(1, 0..<16) }),
      ("a block from its middle", { try tensor.slice(1, 16..<48) }),
      ("columns first", { try tensor.permute([1, 0]) }),
      ("rows shorter than a block", { try tensor.view([16, 16]) }),
      ("no row at all", { try tensor.view([256, 1]) }),
      ("a copy element by element", { try part.contiguous(on: runtime) }),
    ]
    for (name, make) in refused { #expect(throws: TensorError.self, "\(name)") { try make() } }
    #expect(throws: TensorError.quantizedLayout(dtype: .q4_0, operation: "reading elements")) {
      try tensor.hostValues(on: runtime)
    }
  }

  @Test func errorsNameTheNumbers() {
    let errors: [(TensorError, [String])] = [
      (.invalidShape(shape: [2, 31], dtype: .q4_0), ["q4_0", "[2, 31]", "32"]),
      (
        .layoutExceedsStorage(layout: Layout(contiguous: [3]), dtype: .f32, storageBytes: 8), ["[3]", "f32", "8 bytes"]
      ),
      (.invalidPermutation(order: [0, 0], shape: [2, 3]), ["[0, 0]", "[2, 3]", "0 to 1"]),
      (.sliceOutOfRange(dimension: 1, range: 2..<9, shape: [4, 4]), ["2..<9", "dimension 1", "[4, 4]"]),
      (.viewChangesElementCount(from: [2], to: [3]), ["[2]", "[3]"]),
      (.viewNeedsCopy(shape: [2, 2], strides: [1, 2], to: [4]), ["[2, 2]", "[1, 2]", "[4]", "contiguous"]),
      (.quantizedLayout(dtype: .q6_K, operation: "slicing"), ["slicing", "q6_K", "dequantise"]),
      (.dataMismatch(expected: "4 bytes", found: "5 bytes"), ["4 bytes", "5 bytes"]),
      (.runtime(.outOfMemory(device: .cpu, bytes: 77)), ["77", "cpu"]),
    ]
    for (error, parts) in errors {
      for part in parts { #expect(error.description.contains(part), "\(error)") }
    }
  }
}
