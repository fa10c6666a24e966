import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

@Suite struct ConvertTests {
  /// All 65 536 halves to f32 and back, against Swift's own conversion.
  @Test(arguments: Machine.all)
  func everyHalf(machine: Machine) throws {
    let stream = try machine.stream()
    let patterns = (0...UInt16.max).map { $0 }
    for dtype in [DType.f16, .bf16] {
      let x = try Tensor([256, 256], dtype, on: stream.runtime)
      try x.load(contentsOf: patterns, on: stream.runtime)
      let wide = try GuardedTensor([256, 256], .f32, on: stream.runtime)
      try Convert(x, into: wide.tensor).run(on: stream)
      wide.expectMarginsUntouched()
      let back = try GuardedTensor([256, 256], dtype, on: stream.runtime)
      try Convert(wide.tensor, into: back.tensor).run(on: stream)
      let (wideBits, backBits) = (wide.bits, back.bits)
      var wrong: [UInt16] = []
      for pattern in patterns {
        let exact = dtype == .f16 ? Float(Float16(bitPattern: pattern)) : BFloat16(bits: pattern).float
        let found = Float(bitPattern: UInt32(wideBits[Int(pattern)]))
        let returned = UInt16(backBits[Int(pattern)])
        if exact.isNaN {
          // Which NaN it is depends on the processor.
          let stillNaN = dtype == .f16 ? Float16(bitPattern: returned).isNaN : BFloat16(bits: returned).float.isNaN
          if !found.isNaN || !stillNaN { wrong.append(pattern) }
        } else if found.bitPattern != exact.bitPattern || returned != pattern {
          wrong.append(pattern)
        }
      }
      #expect(wrong.isEmpty, "\(dtype.name): \(wrong.count) wrong, such as \(wrong.prefix(4))")
    }
  }

  /// f32 to halves at the places where rounding turns: on, just below and just above the middle between two neighbours,
  /// and at the ends of the range.
  @Test(arguments: Machine.all)
  func roundsToNearestEven(machine: Machine) throws {
    let stream = try machine.stream()
    for dtype in [DType.f16, .bf16] {
      var values: [Float] = [.infinity, -.infinity, .greatestFiniteMagnitude, .leastNonzeroMagnitude, 0, -0.0]
      for pattern in stride(from: UInt16(0), to: dtype == .f16 ? 0x7c00 : 0x7f80, by: 7) {
        let low = dtype == .f16 ? Float(Float16(bitPattern: pattern)) : BFloat16(bits: pattern).float
        let high = dtype == .f16 ? Float(Float16(bitPattern: pattern + 1)) : BFloat16(bits: pattern + 1).float
        let middle = high.isInfinite ? (dtype == .f16 ? 65_520 : Float(bitPattern: 0x7f7f_8000)) : low / 2 + high / 2
        for value in [low, middle, middle.nextDown, middle.nextUp] { values += [value, -value] }
      }
      for index in 0..<4096 { values.append(Float(bitPattern: UInt32(truncatingIfNeeded: Generator(17)[index]))) }
      values.removeAll(where: \.isNaN)
      let x = try GuardedTensor(values, [values.count], .f32, on: stream.runtime)
      let out = try GuardedTensor([values.count], dtype, on: stream.runtime)
      try Convert(x.tensor, into: out.tensor).run(on: stream)
      let expected = values.map { UInt64(dtype == .f16 ? Float16($0).bitPattern : BFloat16($0).bits) }
      let wrong = zip(out.bits, expected).enumerated().first { $0.element.0 != $0.element.1 }
      #expect(wrong == nil, "\(dtype.name) of \(values[wrong?.offset ?? 0])")
      out.expectMarginsUntouched()
    }
  }

  @Test(arguments: Machine.all)
  func bitsDependOnNothingElse(machine: Machine) throws {
    for from in floatTypes {
      for to in floatTypes {
        for (rows, width) in [(3, 15), (60, 577), (0, 8), (5, 0)] {
          try expectAgreement(on: machine, levels: 0, "\(from.name) to \(to.name)") { stream in
            let values = Generator(18).uniform(count: rows * width)
            let x = try GuardedTensor(values, [rows, width], from, strides: [width + 3, 1], on: stream.runtime)
            let out = try GuardedTensor([rows, width], to, strides: [width + 5, 1], on: stream.runtime)
            try Convert(x.tensor, into: out.tensor).run(on: stream)
            let expected = try GuardedTensor(
              try x.values().map { Float($0) }, [rows, width], to, on: stream.runtime)
            #expect(out.bits == expected.bits)
            return [out]
          }
        }
      }
    }
  }

  @Test(arguments: Machine.all)
  func dequantizes(machine: Machine) throws {
    for type in QuantizedWeights.types {
      for to in floatTypes {
        try expectAgreement(on: machine, levels: 0, "\(type.name) to \(to.name)") { stream in
          let weights = try QuantizedWeights(type, rows: 5, columns: 768, seed: 19, on: stream.runtime)
          let out = try GuardedTensor([5, 768], to, strides: [770, 1], on: stream.runtime)
          try Convert(weights.tensor, into: out.tensor).run(on: stream)
          let expected = try GuardedTensor(weights.values, [5, 768], to, on: stream.runtime)
          #expect(out.bits == expected.bits)
          return [out]
        }
      }
    }
  }

  @Test func refusesWhatDoesNotFit() throws {
    let stream = try Machine.all[0].stream()
    let runtime = stream.runtime
    let x = try Tensor([4, 6], .f32, on: runtime)
    let out = try Tensor([4, 6], .f16, on: runtime)
    let columns = try Tensor([6, 4], .f16, on: runtime).permute([1, 0])
    expectRefusal("Convert", "x") { _ = try Convert(Tensor([4, 6], .i32, on: runtime), into: out) }
    expectRefusal("Convert", "x") { _ = try Convert(columns, into: out) }
    expectRefusal("Convert", "out") { _ = try Convert(x, into: Tensor([4, 6], .i64, on: runtime)) }
    expectRefusal("Convert", "out") { _ = try Convert(x, into: Tensor([6, 4], .f16, on: runtime)) }
    expectRefusal("Convert", "out") { _ = try Convert(x, into: columns) }
    expectRefusal("Convert", "out") { _ = try Convert(x, into: readOnly([4, 6], .f16)) }
  }
}
