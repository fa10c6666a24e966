import MartletTensor
import Testing

@Suite struct DTypeTests {
  @Test func blockSizesAreThoseOfGGUF() throws {
    let sizes = try golden("block_sizes.json", as: [String: [Int]].self)
    for dtype in DType.allCases where dtype != .u8 {
      #expect(sizes[dtype.name] == [dtype.blockSize, dtype.blockBytes], "\(dtype.name)")
      #expect(dtype.isQuantized == (dtype.blockSize > 1))
    }
    #expect(DType.u8.blockSize == 1 && DType.u8.blockBytes == 1)
    #expect(sizes.count == DType.allCases.count - 1, "a type without a golden")
    #expect(DType.allCases.filter(\.isFloatingPoint) == [.f32, .f16, .bf16])
  }

  @Test(
    arguments: [
      (.f32, 3, 12), (.f32, 0, 0), (.bf16, 5, 10), (.q4_0, 64, 36), (.q4_0, 0, 0), (.q6_K, 512, 420), (.q4_0, 33, nil),
      (.q6_K, 128, nil), (.f32, -1, nil), (.q8_0, -32, nil), (.i64, Int.max, nil), (.f16, Int.max / 2 + 1, nil),
      (.u8, Int.max, Int.max), (.q8_0, Int.max & ~31, nil), (.f32, Int.min, nil),
      (.q4_0, Int.max & ~31, (Int.max / 32) * 18),
    ] as [(DType, Int, Int?)])
  func bytesAreCountedOrRefused(dtype: DType, elements: Int, bytes: Int?) {
    #expect(dtype.byteCount(elements: elements) == bytes)
  }
}

@Suite struct BFloat16Tests {
  @Test func roundsAsPyTorchDoes() throws {
    // [bits of the f32, bits of the bf16 or null for a NaN]
    let rows = try golden("bfloat16.json", as: [[UInt32?]].self)
    #expect(rows.count > 700)
    for row in rows {
      let value = Float(bitPattern: try #require(row[0]))
      let rounded = BFloat16(value)
      if let expected = row[1] {
        #expect(UInt32(rounded.bits) == expected, "\(value)")
      } else {
        #expect(rounded.float.isNaN, "\(value)")
        #expect(!rounded.float.isSignalingNaN, "\(value)")
        #expect(rounded.float.sign == value.sign, "\(value)")
      }
    }
  }

  @Test func everyBFloat16IsExactInF32() {
    for bits in UInt16.min...UInt16.max {
      let value = BFloat16(bits: bits)
      let again = BFloat16(value.float)
      if value.float.isNaN { #expect(again.float.isNaN) } else { #expect(again == value) }
    }
  }
}
