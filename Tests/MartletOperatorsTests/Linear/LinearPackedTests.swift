import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

/// The packed form of ``Linear``.
@Suite struct LinearPackedTests {
  /// Plain types: the plain form's results up to the order of additions.
  @Test(arguments: floatTypes, Machine.all)
  func plainTypesEqualDoublePrecision(type: DType, machine: Machine) throws {
    for dtype in floatTypes {
      for (rows, columns, tokens) in [(1, 1, 1), (19, 203, 5), (64, 31, 11), (200, 64, 0)] {
        let label = "\(dtype.name) × \(type.name) [\(rows), \(columns)], \(tokens) tokens"
        try expectAgreement(on: machine, levels: max(2e-6, levelTolerance(dtype)), label) { stream in
          let problem = try LinearProblem(
            weight: type, rows: rows, columns: columns, activation: dtype, tokens: tokens, bias: rows > 1, on: stream)
          let packed = try PackedWeight([problem.weight], on: stream)
          let out = try problem.output()
          try Linear(problem.x.tensor, weight: packed, bias: problem.bias?.tensor, into: out.tensor).run(on: stream)
          expectClose(try out.values(), try problem.expected(), within: tolerance(dtype), label)
          return [out]
        }
      }
    }
  }

  /// Quantised types: tightly the documented scheme, loosely the exact product.
  @Test(arguments: QuantizedWeights.types, Machine.all)
  func quantizedTypesFollowTheScheme(type: DType, machine: Machine) throws {
    for dtype in floatTypes {
      for (rows, columns, tokens) in [(19, type.blockSize, 2), (35, 768, 11), (16, 1536, 1), (5, 256, 0)] {
        let label = "\(dtype.name) × \(type.name) [\(rows), \(columns)], \(tokens) tokens"
        // Integers are exact, so levels differ only where one fuses a product with a sum and the other cannot.
        let levels = machine.fusesMultiplyAdd == machine.scalar.fusesMultiplyAdd ? 0 : max(2e-6, levelTolerance(dtype))
        try expectAgreement(on: machine, levels: levels, label) { stream in
          let problem = try LinearProblem(
            weight: type, rows: rows, columns: columns, activation: dtype, tokens: tokens, bias: true, on: stream)
          let packed = try PackedWeight([problem.weight], on: stream)
          let out = try problem.output()
          try Linear(problem.x.tensor, weight: packed, bias: problem.bias?.tensor, into: out.tensor).run(on: stream)
          expectClose(
            try out.values(), try problem.expectedWithQuantizedActivations(), within: tolerance(dtype), label)
          expectClose(try out.values(), try problem.expected(), within: 0.02, label)
          return [out]
        }
      }
    }
  }

  /// Fused levels give the same bits with quantised weights.
  @Test(arguments: QuantizedWeights.types)
  func quantizedBitsAreThoseOfEveryFusedLevel(type: DType) throws {
    var first: [UInt64]?
    for machine in Machine.all where machine.fusesMultiplyAdd {
      let stream = try machine.stream()
      let problem = try LinearProblem(
        weight: type, rows: 50, columns: 512, activation: .f32, tokens: 13, bias: true, on: stream)
      let packed = try PackedWeight([problem.weight], on: stream)
      let out = try problem.output()
      try Linear(problem.x.tensor, weight: packed, bias: problem.bias?.tensor, into: out.tensor).run(on: stream)
      #expect(first == nil || first == out.bits, "\(machine.testDescription)")
      first = out.bits
    }
  }

  /// A row's bits do not depend on how many rows are computed with it, nor on the threads.
  @Test(arguments: floatTypes + QuantizedWeights.types, Machine.all)
  func bitsOfARowAreItsOwn(type: DType, machine: Machine) throws {
    let stream = try machine.stream()
    let (rows, columns) = (83, 256)
    var longest: [UInt64] = []
    for tokens in [17, 9, 8, 4, 3, 2, 1] {
      for threads in [1, 3] {
        let stream = threads == 1 ? stream : try machine.stream(threads: threads)
        let problem = try LinearProblem(
          weight: type, rows: rows, columns: columns, activation: .f32, tokens: tokens, bias: true, on: stream)
        let packed = try PackedWeight([problem.weight], on: stream)
        let out = try problem.output()
        try Linear(problem.x.tensor, weight: packed, bias: problem.bias?.tensor, into: out.tensor).run(on: stream)
        if longest.isEmpty { longest = out.bits }
        #expect(out.bits.elementsEqual(longest.prefix(tokens * rows)), "\(tokens) tokens, \(threads) threads")
      }
    }
  }

  /// Matrices packed one below the other give what they give one by one, also where a panel straddles two of them.
  @Test(arguments: floatTypes + QuantizedWeights.types, Machine.all)
  func partsPackedAsOne(type: DType, machine: Machine) throws {
    let stream = try machine.stream(threads: 3)
    let (columns, tokens) = (256, 3)
    var parts: [Tensor] = []
    var columnsOfParts: [[UInt64]] = []
    var x: GuardedTensor?
    for (index, rows) in [20, 1, 0, 31, 16].enumerated() {
      let problem = try LinearProblem(
        weight: type, rows: rows, columns: columns, activation: .f32, tokens: tokens, seed: 40 + UInt64(10 * index),
        on: stream)
      let input = x ?? problem.x
      x = input
      parts.append(problem.weight)
      let packed = try PackedWeight([problem.weight], on: stream)
      let out = try problem.output()
      try Linear(input.tensor, weight: packed, into: out.tensor).run(on: stream)
      let bits = out.bits
      for row in 0..<rows { columnsOfParts.append((0..<tokens).map { bits[$0 * rows + row] }) }
    }
    let packed = try PackedWeight(parts, on: stream)
    #expect(packed.rows == 68 && packed.columns == columns && packed.dtype == type)
    let input = try #require(x)
    let out = try GuardedTensor([tokens, 68], .f32, on: stream.runtime)
    try Linear(input.tensor, weight: packed, into: out.tensor).run(on: stream)
    out.expectMarginsUntouched()
    let bits = out.bits
    for row in 0..<68 {
      #expect((0..<tokens).map { bits[$0 * 68 + row] } == columnsOfParts[row], "row \(row)")
    }
  }

  /// What cannot be told in 8 bits is not hidden: NaN and infinity come out as NaN; numbers so small that their scale
  /// has no inverse count as zero; zeros stay zeros.
  @Test(arguments: QuantizedWeights.types, Machine.all)
  func unusualActivations(type: DType, machine: Machine) throws {
    let stream = try machine.stream()
    let weights = try QuantizedWeights(type, rows: 16, columns: 256, seed: 50, on: stream.runtime)
    let packed = try PackedWeight([weights.tensor], on: stream)
    for (special, place) in [
      (Float.nan, 0), (.nan, 17), (.nan, 255), (-.nan, 40), (.infinity, 100), (-.infinity, 31),
    ] {
      var row = Generator(51).uniform(count: 256)
      row[place] = special
      let x = try GuardedTensor(row, [1, 256], .f32, on: stream.runtime)
      let out = try GuardedTensor([1, 16], .f32, on: stream.runtime)
      try Linear(x.tensor, weight: packed, into: out.tensor).run(on: stream)
      #expect(try out.values().allSatisfy { !$0.isFinite }, "\(special) at \(place)")
    }
    for small in [0, Float.leastNonzeroMagnitude, 0x1p-130, 0x1p-126, 0x1p-122] {
      let row = Generator(52).uniform(count: 256).map { $0 > 0 ? small : -small }
      let x = try GuardedTensor(row, [1, 256], .f32, on: stream.runtime)
      let out = try GuardedTensor([1, 16], .f32, on: stream.runtime)
      try Linear(x.tensor, weight: packed, into: out.tensor).run(on: stream)
      #expect(try out.values().allSatisfy { abs($0) <= 1e-33 }, "\(small)")
    }
  }

  @Test func refusesPartsThatDoNotFit() throws {
    let stream = try Machine.all[0].stream()
    let runtime = stream.runtime
    func tensor(_ shape: Shape, _ dtype: DType = .f32) throws -> Tensor { try Tensor(shape, dtype, on: runtime) }
    let columns = try tensor([32, 4]).permute([1, 0])
    expectRefusal("PackedWeight", "parts") { _ = try PackedWeight([], on: stream) }
    expectRefusal("PackedWeight", "weight") { _ = try PackedWeight([tensor([64])], on: stream) }
    expectRefusal("PackedWeight", "weight") { _ = try PackedWeight([tensor([4, 32], .i32)], on: stream) }
    expectRefusal("PackedWeight", "weight") {
      _ = try PackedWeight([tensor([4, 32]), tensor([4, 32], .f16)], on: stream)
    }
    expectRefusal("PackedWeight", "weight") { _ = try PackedWeight([tensor([4, 32]), tensor([4, 64])], on: stream) }
    expectRefusal("PackedWeight", "weight") { _ = try PackedWeight([columns], on: stream) }
  }
}
