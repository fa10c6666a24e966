import Foundation
import Martlet
import Testing

@Suite struct ReadmeExampleTests {
  private static func lines(_ path: String) throws -> [String] {
    let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    return try String(contentsOf: root.appending(path: path), encoding: .utf8).components(separatedBy: "\n")
  }

  /// The example compiles because this file does; here it must be the one that readers see.
  @Test func theReadmeShowsWhatCompiles() throws {
    let example = try Self.lines("Tests/MartletTests/ReadmeExample.swift").dropFirst(2).dropLast()
    let readme = try Self.lines("README.md")
    let start = try #require(readme.firstIndex(of: "import Martlet"))
    #expect(readme[start..<(start + example.count)].elementsEqual(example))
    #expect(readme[start + example.count] == "```")
  }

  @Test(.disabled(if: DefaultModel.isMissing, Comment(rawValue: DefaultModel.skipMessage)))
  func aModelAnswersInPieces() async throws {
    let model = try await Model.load(try #require(DefaultModel.path))
    var pieces: [String] = []
    let options = GenerationOptions(maxTokens: 24)
    for try await text in try model.respond(to: "Name the capital of France.", options: options).text {
      pieces.append(text)
    }
    #expect(pieces.count > 3)
    #expect(pieces.joined().contains("Paris"))
  }
}
