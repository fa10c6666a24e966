import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

@Suite struct EmbeddingTests {
  @Test(arguments: try Golden.cases("embedding"), Machine.all)
  func equalsPyTorch(golden: Golden, machine: Machine) throws {
    let stream = try machine.stream()
    let count = try #require(golden.shapes["indices"]?.first)
    let rows = try #require(golden.shapes["weight"]?.first)
    let ids = (0..<count).map { Generator(golden.seed).below($0, rows) }
    let table = try golden.input("weight", 1, on: stream.runtime)
    for idType in [DType.i64, .i32] {
      let out = try golden.output(on: stream.runtime)
      let indices = try GuardedTensor(ids, [count], idType, on: stream.runtime)
      try Embedding(indices.tensor, table: table.tensor, into: out.tensor).run(on: stream)
      try golden.expectMatch(out)
    }
  }

  /// Every type of table to every type of output: the value, rounded once.
  @Test(arguments: Machine.all)
  func convertsTypes(machine: Machine) throws {
    let ids = [3, 0, 6, 6, 1]
    for tableType in floatTypes {
      for outType in floatTypes {
        let label = "\(tableType.name) to \(outType.name)"
        try expectAgreement(on: machine, levels: 0, label) { stream in
          let table = try GuardedTensor(
            Generator(11).uniform(count: 7 * 37), [7, 37], tableType, strides: [40, 1], on: stream.runtime)
          let indices = try GuardedTensor(ids, [5], .i32, on: stream.runtime)
          let out = try GuardedTensor([5, 37], outType, strides: [41, 1], on: stream.runtime)
          try Embedding(indices.tensor, table: table.tensor, into: out.tensor).run(on: stream)
          let values = try table.values().map { Float($0) }
          let expected = try GuardedTensor(
            ids.flatMap { values[$0 * 37..<$0 * 37 + 37] }, [5, 37], outType, on: stream.runtime)
          #expect(out.bits == expected.bits, "\(label)")
          return [out]
        }
      }
    }
  }

  @Test(arguments: Machine.all)
  func dequantizes(machine: Machine) throws {
    for type in QuantizedWeights.types {
      for outType in floatTypes {
        try expectAgreement(on: machine, levels: 0, "\(type.name) to \(outType.name)") { stream in
          let weights = try QuantizedWeights(type, rows: 9, columns: 512, seed: 12, on: stream.runtime)
          let ids = [8, 0, 3]
          let indices = try GuardedTensor(ids, [3], .i64, on: stream.runtime)
          let out = try GuardedTensor([3, 512], outType, strides: [520, 1], on: stream.runtime)
          try Embedding(indices.tensor, table: weights.tensor, into: out.tensor).run(on: stream)
          let expected = try GuardedTensor(
            ids.flatMap { weights.values[$0 * 512..<$0 * 512 + 512] }, [3, 512], outType, on: stream.runtime)
          #expect(out.bits == expected.bits, "\(type.name) to \(outType.name)")
          return [out]
        }
      }
    }
  }

  @Test(arguments: Machine.all)
  func noTokens(machine: Machine) throws {
    let stream = try machine.stream()
    let table = try GuardedTensor([1, 2] as [Float], [2, 1], .f32, on: stream.runtime)
    let out = try GuardedTensor([0, 1], .f32, on: stream.runtime)
    let ids = try GuardedTensor([0], .i64, on: stream.runtime)
    try Embedding(ids.tensor, table: table.tensor, into: out.tensor).run(on: stream)
    out.expectMarginsUntouched()
  }

  @Test func refusesWhatDoesNotFit() throws {
    let stream = try Machine.all[0].stream()
    let runtime = stream.runtime
    let ids = try Tensor([3], .i64, on: runtime)
    let table = try Tensor([10, 4], .f32, on: runtime)
    let out = try Tensor([3, 4], .f32, on: runtime)
    let gapIds = try Tensor([3, 2], .i64, on: runtime).slice(1, 0..<1).view([3])
    let columns = try Tensor([4, 10], .f32, on: runtime).permute([1, 0])
    let outColumns = try Tensor([4, 3], .f32, on: runtime).permute([1, 0])
    func plan(_ ids: Tensor, _ table: Tensor, _ out: Tensor) throws { _ = try Embedding(ids, table: table, into: out) }
    expectRefusal("Embedding", "ids") { try plan(Tensor([3], .f32, on: runtime), table, out) }
    expectRefusal("Embedding", "ids") { try plan(Tensor([3, 1], .i64, on: runtime), table, out) }
    expectRefusal("Embedding", "ids") { try plan(gapIds, table, out) }
    expectRefusal("Embedding", "table") { try plan(ids, Tensor([40], .f32, on: runtime), out) }
    expectRefusal("Embedding", "table") { try plan(ids, Tensor([10, 4], .i32, on: runtime), out) }
    expectRefusal("Embedding", "table") { try plan(ids, columns, out) }
    expectRefusal("Embedding", "out") { try plan(ids, table, Tensor([3, 5], .f32, on: runtime)) }
    expectRefusal("Embedding", "out") { try plan(ids, table, Tensor([3, 4], .i32, on: runtime)) }
    expectRefusal("Embedding", "out") { try plan(ids, table, outColumns) }
    expectRefusal("Embedding", "out") { try plan(ids, table, readOnly([3, 4], .f32)) }
  }
}
