import Martlet
import Testing

@testable import MartletServer

#if canImport(FoundationEssentials)
  import FoundationEssentials
#endif

/// docs/server.md has tables of fields, settings and figures, which are made here of the same tables that the server works by.
/// `MARTLET_WRITE_DOCS=1 make test ARGS="--filter DocumentationTests"` writes them anew.
@Suite(.serialized) struct DocumentationTests {
  static let path = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 } + "/docs/server.md"

  static let fields: String = {
    let shown: [(Endpoint, String)] = [
      (.chat, "chat"), (.completions, "completions"), (.tokenize, "tokenize"), (.detokenize, "detokenize"),
      (.render, "render"),
    ]
    return table(
      ["field", "of", "takes", "meaning"],
      RequestField.table().map { field in
        let names = shown.filter { field.endpoints.contains($0.0) }.map(\.1).joined(separator: ", ")
        return ["`\(field.name)`", names, field.kind.expectation, field.meaning]
      })
  }()

  static let settings = table(
    ["setting", "takes", "meaning"],
    ServerSettings.table.map { ["`\($0.name)`", $0.kind.expectation, $0.meaning] })

  static let figures = table(
    ["figure", "meaning"], ServerMetrics.help.map { ["`\($0.0)`", $0.1] })

  static func table(_ head: [String], _ rows: [[String]]) -> String {
    let lines = [head, head.map { _ in "---" }] + rows
    return lines.map { "| " + $0.joined(separator: " | ") + " |\n" }.joined()
  }

  @Test(arguments: [("fields", fields), ("settings", settings), ("figures", figures)])
  func tellsWhatTheServerDoes(name: String, table: String) throws {
    let text = try String(decoding: Data(contentsOf: URL(filePath: Self.path)), as: UTF8.self)
    let (begin, end) = ("<!-- \(name) -->\n", "<!-- end of \(name) -->\n")
    let start = try #require(text.firstRange(of: begin)).upperBound
    let stop = try #require(text.firstRange(of: end)).lowerBound
    if ProcessInfo.processInfo.environment["MARTLET_WRITE_DOCS"] == "1" {
      let written = text[..<start] + "\n" + table + "\n" + text[stop...]
      try Data(written.utf8).write(to: URL(filePath: Self.path))
      return
    }
    #expect(text[start..<stop] == "\n" + table + "\n", "write it anew: MARTLET_WRITE_DOCS=1")
  }
}
