import FoundationEssentials
import Testing

/// The generator against draws that its Python twin made.
@Suite struct GeneratorTests {
  struct Check: Decodable {
    let seed: UInt64
    let draws: [String]
    let uniform: [Float]
    let below1000: [Int]

    private enum CodingKeys: String, CodingKey {
      case seed, draws, uniform
      case below1000 = "below_1000"
    }
  }

  private struct File: Decodable {
    let streams: [Check]
  }

  @Test func drawsEqualPython() throws {
    let file = try JSONDecoder().decode(File.self, from: Golden.data("generator"))
    try #require(!file.streams.isEmpty)
    for check in file.streams {
      let generator = Generator(check.seed)
      for index in check.draws.indices {
        #expect(generator[index] == UInt64(check.draws[index], radix: 16))
        #expect(generator.uniform(index) == check.uniform[index])
        #expect(generator.below(index, 1000) == check.below1000[index])
      }
    }
  }
}
