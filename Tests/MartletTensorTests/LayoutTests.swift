import MartletRuntime
import MartletTensor
import Testing

/// One case of `scripts/goldens/tensor_views.py`.
struct ViewCase: Decodable, Sendable, CustomTestStringConvertible {
  struct Step: Decodable, Sendable {
    var permute: [Int]?
    var slice: [Int]?
  }
  struct Strided: Decodable, Sendable {
    var shape: [Int]
    var strides: [Int]
  }
  var shape: [Int]
  var steps: [Step]
  var layout: Strided
  var values: [Int]
  var target: [Int]
  var strides: [Int]?

  var testDescription: String { "\(shape) \(steps.count) steps to \(target)" }
}

@Suite struct LayoutTests {
  /// Strides that mean something: NumPy's are arbitrary where there are no neighbours.
  private func meaningful(_ layout: Layout) -> [Int] {
    if layout.shape.contains(0) { return Array(repeating: 0, count: layout.shape.count) }
    return zip(layout.shape, layout.strides).map { $0 > 1 ? $1 : 0 }
  }

  @Test func viewsAgreeWithNumPy() throws {
    let cases = try golden("views.json", as: [ViewCase].self)
    #expect(cases.count { $0.strides == nil } > 50)
    #expect(cases.count { $0.strides != nil } > 200)
    let runtime = try Runtime(.cpu)
    for example in cases {
      let count = example.shape.reduce(1, *)
      var tensor = try Tensor((0..<Int64(count)).map { $0 }, shape: Shape(example.shape), on: runtime)
      for step in example.steps {
        if let order = step.permute { tensor = try tensor.permute(Dimensions(order)) }
        if let slice = step.slice { tensor = try tensor.slice(slice[0], slice[1]..<slice[2]) }
      }
      #expect(Array(tensor.shape) == example.layout.shape, "\(example)")
      #expect(meaningful(tensor.layout) == example.layout.strides, "\(example)")
      #expect(try tensor.hostValues(on: runtime).map { Int($0) } == example.values, "\(example)")

      guard let strides = example.strides else {
        #expect(
          throws: TensorError.viewNeedsCopy(
            shape: tensor.shape, strides: tensor.strides, to: Shape(example.target)), "\(example)"
        ) { try tensor.view(Shape(example.target)) }
        let copy = try tensor.contiguous(on: runtime).view(Shape(example.target))
        #expect(try copy.hostValues(on: runtime).map { Int($0) } == example.values, "\(example)")
        continue
      }
      let view = try tensor.view(Shape(example.target))
      #expect(Array(view.shape) == example.target, "\(example)")
      #expect(meaningful(view.layout) == strides, "\(example)")
      #expect(view.storage === tensor.storage, "a view copies nothing")
      #expect(try view.hostValues(on: runtime).map { Int($0) } == example.values, "\(example)")
    }
  }

  @Test(
    arguments: [
      ([], []), ([5], [1]), ([2, 3, 4], [12, 4, 1]), ([2, 0, 4], [4, 4, 1]), ([1, 1], [1, 1]),
    ] as [(Shape, Dimensions)])
  func contiguousLayoutsHaveNoGaps(shape: Shape, strides: Dimensions) {
    let layout = Layout(contiguous: shape, offset: 7)
    #expect(layout.strides == strides)
    #expect(layout.isContiguous)
    #expect(layout.upperBound == 7 + shape.reduce(1, *))
  }

  @Test(
    arguments: [
      ([2, 3], [3, 1], true), ([2, 3], [4, 1], false), ([1, 3], [99, 1], true), ([2, 1], [1, 99], true),
      ([3, 2], [1, 3], false), ([0, 3], [99, 99], true), ([2, 2], [0, 1], false), ([], [], true),
    ] as [(Shape, Dimensions, Bool)])
  func gapsAreSeen(shape: Shape, strides: Dimensions, isContiguous: Bool) {
    #expect(Layout(shape: shape, strides: strides, offset: 0).isContiguous == isContiguous)
  }

  @Test(
    arguments: [
      ([2, 3], [3, 1], 0, 6), ([2, 3], [10, 2], 5, 20), ([4], [0], 3, 4), ([0, 3], [3, 1], 9, 9), ([], [], 2, 3),
      ([2], [1], -1, nil), ([2], [-1], 5, nil), ([-1], [1], 0, nil), ([2], [Int.max], 1, nil), ([2], [Int.max], 0, nil),
      ([3], [Int.max], 0, nil), ([1], [Int.max], Int.max, nil), ([Int.max, Int.max], [0, 0], 0, nil),
      ([Int.max, Int.max, 0], [0, 0, 0], 0, nil),
    ] as [(Shape, Dimensions, Int, Int?)])
  func theFurthestElementIsKnownOrTheLayoutRefused(shape: Shape, strides: Dimensions, offset: Int, bound: Int?) {
    #expect(Layout(shape: shape, strides: strides, offset: offset).upperBound == bound)
  }

  @Test(
    arguments: [
      ([], 1), ([3, 4], 12), ([0], 0), ([-1], nil), ([0, -1], nil), ([Int.max, 2], nil), ([1 << 32, 1 << 32], nil),
      ([0, 1 << 32, 1 << 32], nil), ([1 << 32, 1 << 32, 0], nil), ([1 << 62, 1], 1 << 62), ([0, Int.max], 0),
    ] as [(Dimensions, Int?)])
  func productsAreChecked(dimensions: Dimensions, product: Int?) {
    #expect(dimensions.checkedProduct == product)
  }

  @Test func dimensionsBehaveAsACollection() {
    var dimensions: Dimensions = [4, 5, 6]
    #expect(Array(dimensions) == [4, 5, 6])
    #expect(dimensions.reversed() == [6, 5, 4])
    dimensions[1] = 9
    dimensions.append(7)
    #expect(dimensions == [4, 9, 6, 7])
    #expect(dimensions != [4, 9, 6])
    #expect(dimensions.description == "[4, 9, 6, 7]")
    #expect(Set<Dimensions>([[1, 2], [1, 2], [2, 1], [1], []]).count == 4)
    #expect(Dimensions(repeating: 3, count: Dimensions.capacity).count == 8)
    #expect(Dimensions().isEmpty)
    #expect(Dimensions().checkedProduct == 1)
  }
}
