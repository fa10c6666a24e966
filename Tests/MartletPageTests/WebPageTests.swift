import Foundation
import MartletPage
import Testing

/// What a browser makes of the page is tested in a browser: `scripts/test-page.sh`.
@Suite struct WebPageTests {
  static let folder = URL(filePath: #filePath).appending(path: "../../../Sources/CMartletPage/page").standardizedFileURL

  @Test func everyFileOfThePageIsEmbeddedAsItIs() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path).filter { $0 != "policy.txt" }
    let paths = names.map { $0 == "index.html" ? "" : "page/" + $0 }
    #expect(Set(paths) == Set(WebPage.files.map(\.path)))
    for file in WebPage.files {
      let name = file.path.isEmpty ? "index.html" : String(file.path.dropFirst("page/".count))
      #expect(try Data(contentsOf: Self.folder.appending(path: name)) == Data(file.bytes), "\(name)")
    }
    #expect(WebPage.files.first?.path == "")
    #expect(Set(WebPage.files.map(\.entityTag)).count == WebPage.files.count)
  }

  /// No inline code, and nothing from elsewhere: what the policy forbids must not be needed.
  @Test func thePageNeedsNothingThatItsPolicyForbids() throws {
    let policy = try #require(WebPage.headers.first { $0.name == "Content-Security-Policy" }?.value)
    #expect(policy.hasPrefix("default-src 'none'; script-src 'self'; style-src 'self'; "))
    #expect(policy.hasSuffix("require-trusted-types-for 'script'; trusted-types 'none'"))
    #expect(!policy.contains("unsafe") && !policy.contains("*") && !policy.contains("\n"))
    for file in WebPage.files {
      let text = String(decoding: file.bytes, as: UTF8.self)
      for forbidden in [
        "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "@import", "url(",
      ] {
        // A comment may link to a standard.
        #expect(!text.contains(forbidden), "\(file.path) has \(forbidden)")
      }
      guard file.contentType.hasPrefix("text/html") else { continue }
      #expect(!text.contains(" style=") && !text.contains("<style") && !text.contains("//"))
      #expect(text.ranges(of: "<script").count == text.ranges(of: "<script src=\"page/").count)
      #expect(try #/\son[a-z]+=/#.firstMatch(in: text) == nil)
    }
  }

  /// What the page and its modules name is there, relative to where it is named, so that it works below any path.
  @Test func everyReferenceLeadsToAFile() throws {
    let paths = Set(WebPage.files.map(\.path))
    var count = 0
    for file in WebPage.files where !file.contentType.hasPrefix("image") {
      let text = String(decoding: file.bytes, as: UTF8.self)
      let references =
        file.path.isEmpty
        ? text.matches(of: #/(?:src|href)="([^"#]+)"/#).map { String($0.1) }
        : text.matches(of: #/from "\.\/([^"]+)"/#).map { "page/" + $0.1 }
      for reference in references {
        #expect(paths.contains(reference), "\(file.path) names \(reference)")
        count += 1
      }
    }
    #expect(count > 20)
  }
}
