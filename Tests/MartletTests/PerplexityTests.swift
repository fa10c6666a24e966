import Foundation
import Martlet
import Testing

/// The perplexity of the text of the GNU GPL version 3, as Debian's base system carries it, beside that of the
/// references: `scripts/reference/perplexity.py`.
@Suite(.serialized, .disabled(if: DefaultModel.isMissing, Comment(rawValue: DefaultModel.skipMessage)))
struct PerplexityTests {
  static let license = "/usr/share/common-licenses/GPL-3"
  static let isOtherText = (try? Data(contentsOf: URL(filePath: license)))?.count != 35_149

  private static func perplexity(_ compute: ComputeType) async throws -> Perplexity {
    var text = try Data(contentsOf: URL(filePath: license))
    text.removeLast()
    var options = ModelOptions()
    options.compute = compute
    let model = try await Model.load(try #require(DefaultModel.path), options: options)
    let ids = try #require(model.tokenizer).encode(String(decoding: text, as: UTF8.self), addSpecial: true)
    #expect(ids.count == 7638)
    return try model.perplexity(of: ids)
  }

  @Test(.disabled(if: isOtherText, "this system's GPL-3 is not the file that the references read"))
  func defaultModeIsWithinHalfAPercentOfLlamaCpp() async throws {
    let result = try await Self.perplexity(.auto)
    #expect((result.tokens, result.chunks) == (3570, 14))
    #expect(abs(result.perplexity / 18.3914 - 1) < 0.005)
  }

  @Test(.disabled(if: isOtherText, "this system's GPL-3 is not the file that the references read"))
  func referenceModeIsTransformers() async throws {
    let result = try await Self.perplexity(.f32)
    #expect(abs(result.perplexity / 18.3001 - 1) < 0.0001)
  }
}
