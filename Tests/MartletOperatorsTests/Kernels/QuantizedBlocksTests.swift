import FoundationEssentials
import MartletTensor
import Testing

/// Dequantising against gguf-py: `scripts/goldens/quantized.py` made the blocks and their values.
@Suite struct QuantizedBlocksTests {
  struct Blocks: Decodable, Sendable, CustomTestStringConvertible {
    let type: String
    let blockBytes: Int
    let blockValues: Int
    let blocks: [String]
    let values: [[Float]]

    private enum CodingKeys: String, CodingKey {
      case type, blocks, values
      case blockBytes = "block_bytes"
      case blockValues = "block_values"
    }

    var testDescription: String { type }
  }

  private struct File: Decodable {
    let types: [Blocks]
  }

  private static func load() throws -> [Blocks] {
    try JSONDecoder().decode(File.self, from: Golden.data("quantized")).types
  }

  @Test func everyTypeIsThere() throws {
    #expect(
      Set(try Self.load().map { $0.type.lowercased() }) == Set(QuantizedWeights.types.map { $0.name.lowercased() }))
  }

  @Test(arguments: try Self.load())
  func equalsGGUF(golden: Blocks) throws {
    let type = try #require(DType.allCases.first { $0.name.lowercased() == golden.type.lowercased() })
    #expect(type.blockBytes == golden.blockBytes)
    #expect(type.blockSize == golden.blockValues)
    for (hexadecimal, expected) in zip(golden.blocks, golden.values) {
      let digits = hexadecimal.compactMap(\.hexDigitValue)
      let bytes = stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
      // The file writes zeros without a sign, so numbers are compared, which for all others compares their bits.
      #expect(QuantizedWeights.dequantized(bytes, type) == expected)
    }
    // A row of all blocks at once.
    let row = golden.blocks.joined().compactMap(\.hexDigitValue)
    let bytes = stride(from: 0, to: row.count, by: 2).map { UInt8(row[$0] << 4 | row[$0 + 1]) }
    #expect(QuantizedWeights.dequantized(bytes, type) == golden.values.flatMap { $0 })
  }
}
