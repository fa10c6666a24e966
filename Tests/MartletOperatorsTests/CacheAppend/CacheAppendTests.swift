import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

@Suite struct CacheAppendTests {
  /// Queries and keys are turned as ``RoPE`` turns them, to the bit; values are left alone.
  @Test(arguments: floatTypes, Machine.all)
  func turnsLikeRoPE(activation: DType, machine: Machine) throws {
    for (dimension, threads) in [(64, 1), (20, 3), (2, 2)] {
      let stream = try machine.stream(threads: threads)
      let shape = AttentionShape(heads: 4, keyHeads: 2, dimension: dimension, activation: activation, cache: .f16)
      let scenario = try PagedScenario(shape, lengths: [40], on: stream.runtime)
      let qkv = try scenario.step([scenario.whole(0)], on: stream).qkv
      let (query, key, value) = try scenario.turned(0, on: stream)
      let found = try qkv.tensor.hostValues(on: stream.runtime)
      let parts = try [query, key, value].map { try $0.hostValues(on: stream.runtime) }
      let widths = [4, 2, 2].map { $0 * dimension }
      for token in 0..<40 {
        let expected = zip(parts, widths).flatMap { $0[token * $1..<(token + 1) * $1] }
        #expect(Array(found[token * shape.width..<(token + 1) * shape.width]) == expected, "token \(token)")
      }
    }
  }

  /// Keys and values lie where the cache's layout says, rounded to its type, the padding of values is zero, and
  /// nothing else was written: neither other slots nor those of tokens whose slot is -1.
  @Test(arguments: floatTypes, Machine.all)
  func writesItsSlotsOnly(cacheType: DType, machine: Machine) throws {
    let stream = try machine.stream(threads: 3)
    for (dimension, activation) in [(12, DType.f32), (64, .f16), (8, .bf16)] {
      let shape = AttentionShape(
        heads: 2, keyHeads: 2, dimension: dimension, activation: activation, cache: cacheType)
      let scenario = try PagedScenario(shape, lengths: [64], on: stream.runtime)
      let cache = scenario.cache
      let slots = [35, -1, 0, 17, -1, 16]
      let qkv = try GuardedTensor(
        Generator(70).uniform(count: slots.count * shape.width), [slots.count, shape.width], activation,
        strides: [shape.width + 1, 1], on: stream.runtime)
      let positions = try GuardedTensor([3, 9, 0, 1, 2, 100], [slots.count], .i32, on: stream.runtime)
      try scenario.append(qkv, positions, slots, on: stream)
      qkv.expectMarginsUntouched()

      // After the run, qkv holds the turned keys and the values.
      let turned = try qkv.values().map { Float($0) }
      let padded = cache.paddedDimension
      let poisoned = try GuardedTensor([1], cacheType, on: stream.runtime).bits[0]
      func bits(_ value: Float) throws -> UInt64 {
        try GuardedTensor([value], [1], cacheType, on: stream.runtime).bits[0]
      }
      var keys = [UInt64](repeating: poisoned, count: cache.keys.elementCount)
      var values = [UInt64](repeating: poisoned, count: cache.values.elementCount)
      for (token, slot) in slots.enumerated() where slot >= 0 {
        for head in 0..<2 {
          let place = slot / 16 * 2 + head
          let row = token * shape.width + (2 + head) * dimension
          for index in 0..<dimension {
            keys[(place * dimension + index) * 16 + slot % 16] = try bits(turned[row + index])
            values[(place * 16 + slot % 16) * padded + index] = try bits(turned[row + 2 * dimension + index])
          }
          for index in dimension..<padded { values[(place * 16 + slot % 16) * padded + index] = 0 }
        }
      }
      #expect(elementBits(cache.keys) == keys)
      #expect(elementBits(cache.values) == values)
    }
  }

  /// In 8 bits: the same places, the scales behind each head's numbers.
  @Test(arguments: Machine.all)
  func writesEightBitsAndScales(machine: Machine) throws {
    let stream = try machine.stream(threads: 3)
    for (dimension, activation) in [(12, DType.f32), (64, .f16), (80, .bf16)] {
      let shape = AttentionShape(
        heads: 2, keyHeads: 2, dimension: dimension, activation: activation, cache: .q8_0)
      let scenario = try PagedScenario(shape, lengths: [64], on: stream.runtime)
      let cache = scenario.cache
      let slots = [35, -1, 0, 17, 16]
      // A token of zeros has scales of zero.
      let numbers = Generator(71).uniform(count: slots.count * shape.width).enumerated().map { index, value in
        index / shape.width == 3 ? 0 : value
      }
      let qkv = try GuardedTensor(numbers, [slots.count, shape.width], activation, on: stream.runtime)
      let positions = try GuardedTensor([3, 9, 0, 1, 2], [slots.count], .i32, on: stream.runtime)
      try scenario.append(qkv, positions, slots, on: stream)

      let turned = try qkv.values().map { Float($0) }
      let (padded, groups) = (cache.paddedDimension, (dimension + 31) / 32)
      let poison = Array(bytes(of: [GuardedTensor.poison]))
      var keys = (0..<cache.keys.byteCount).map { poison[$0 % 2] }
      var values = (0..<cache.values.byteCount).map { poison[$0 % 2] }
      for (token, slot) in slots.enumerated() where slot >= 0 {
        for head in 0..<2 {
          let place = slot / 16 * 2 + head
          let row = token * shape.width + (2 + head) * dimension
          let key = EightBitRow(turned[row..<row + dimension])
          let value = EightBitRow(turned[row + 2 * dimension..<row + 3 * dimension])
          let keyStart = place * 16 * (dimension + 2 * groups)
          let valueStart = place * 16 * (padded + 2 * groups)
          for index in 0..<dimension {
            keys[keyStart + index * 16 + slot % 16] = UInt8(bitPattern: key.quants[index])
            values[valueStart + slot % 16 * padded + index] = UInt8(bitPattern: value.quants[index])
          }
          for index in dimension..<padded { values[valueStart + slot % 16 * padded + index] = 0 }
          for group in 0..<groups {
            let keyScale = keyStart + 16 * dimension + 2 * (group * 16 + slot % 16)
            let valueScale = valueStart + 16 * padded + 2 * (slot % 16 * groups + group)
            keys.replaceSubrange(keyScale..<keyScale + 2, with: bytes(of: [key.scales[group].bitPattern]))
            values.replaceSubrange(valueScale..<valueScale + 2, with: bytes(of: [value.scales[group].bitPattern]))
          }
        }
      }
      #expect(elementBytes(cache.keys) == keys, "\(dimension)")
      #expect(elementBytes(cache.values) == values, "\(dimension)")
    }
  }

  private func bytes(of numbers: [UInt16]) -> [UInt8] { numbers.withUnsafeBytes { Array($0) } }

  private func elementBytes(_ tensor: Tensor) -> [UInt8] {
    (0..<tensor.byteCount).map { tensor.pointer(as: UInt8.self)[$0] }
  }

  private func elementBits(_ tensor: Tensor) -> [UInt64] {
    (0..<tensor.elementCount).map {
      tensor.dtype == .f32
        ? UInt64(tensor.pointer(as: UInt32.self)[$0]) : UInt64(tensor.pointer(as: UInt16.self)[$0])
    }
  }

  @Test func refusesWhatDoesNotFit() throws {
    let stream = try Machine.all[0].stream()
    let runtime = stream.runtime
    func tensor(_ shape: Shape, _ dtype: DType = .f32) throws -> Tensor { try Tensor(shape, dtype, on: runtime) }
    let cache = try PagedCache(blockCount: 4, keyHeads: 2, headDimension: 8, .f32, on: runtime)
    let oddCache = try PagedCache(blockCount: 4, keyHeads: 2, headDimension: 7, .f32, on: runtime)
    let (qkv, rotations, slots) = (try tensor([3, 64]), try tensor([3, 8]), try tensor([3], .i32))
    let columns = try tensor([64, 3]).permute([1, 0])
    let rotationColumns = try tensor([8, 3]).permute([1, 0])
    let gapSlots = try tensor([3, 2], .i32).slice(1, 0..<1).view([3])
    func plan(
      _ qkv: Tensor, heads: Int = 4, _ rotations: Tensor, _ slots: Tensor, _ cache: PagedCache
    ) throws {
      _ = try CacheAppend(qkv: qkv, heads: heads, rotations: rotations, slots: slots, into: cache)
    }
    let name = "CacheAppend"
    expectRefusal(name, "qkv") { try plan(tensor([3, 64], .i32), rotations, slots, cache) }
    expectRefusal(name, "qkv") { try plan(tensor([192]), rotations, slots, cache) }
    expectRefusal(name, "qkv") { try plan(tensor([3, 63]), rotations, slots, cache) }
    expectRefusal(name, "qkv") { try plan(qkv, heads: 3, rotations, slots, cache) }
    expectRefusal(name, "qkv") { try plan(columns, rotations, slots, cache) }
    expectRefusal(name, "qkv") { try plan(readOnly([3, 64], .f32), rotations, slots, cache) }
    expectRefusal(name, "heads") { try plan(tensor([3, 16]), heads: -2, rotations, slots, cache) }
    expectRefusal(name, "cache") { try plan(tensor([3, 56]), tensor([3, 7]), slots, oddCache) }
    expectRefusal(name, "rotations") { try plan(qkv, tensor([2, 8]), slots, cache) }
    expectRefusal(name, "rotations") { try plan(qkv, tensor([3, 8], .f16), slots, cache) }
    expectRefusal(name, "rotations") { try plan(qkv, rotationColumns, slots, cache) }
    expectRefusal(name, "slots") { try plan(qkv, rotations, tensor([4], .i32), cache) }
    expectRefusal(name, "slots") { try plan(qkv, rotations, tensor([3], .i64), cache) }
    expectRefusal(name, "slots") { try plan(qkv, rotations, gapSlots, cache) }
  }
}
