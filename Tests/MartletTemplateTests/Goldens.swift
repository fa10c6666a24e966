import MartletTemplate
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Files beside the tests, and those of the shared folder that may be missing.
enum Goldens {
  static let folder = parent(of: #filePath) + "/Goldens"
  static let sharedTemplates = parent(of: parent(of: parent(of: parent(of: #filePath)))) + "/shared/data/templates"
  static let hasSharedTemplates = (try? read(sharedTemplates + "/expected.json")) != nil

  private static func parent(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
  }

  struct Unreadable: Error { let path: String }

  static func read(_ path: String) throws -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw Unreadable(path: path) }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer[..<count] }
    return bytes
  }

  static func json(_ name: String) throws -> TemplateValue { try TemplateValue(json: read(folder + "/" + name)) }
}

extension TemplateValue {
  var text: String? {
    if case .string(let text) = self { return text }
    return nil
  }

  var items: [TemplateValue] {
    if case .array(let items) = self { return items }
    return []
  }

  var isTrue: Bool { self == .bool(true) }
}

/// What a rendering should give: a text, or an error of which only the kind is ours.
struct Expectation: Sendable {
  let text: String?
  let error: String?

  init(_ row: TemplateValue) {
    text = row["expected"]?.text
    error = row["error"]?.text
  }

  func check(_ render: () throws -> String, _ label: String) {
    do {
      let result = try render()
      guard let text else {
        Issue.record("\(label)\n gave: \(result)\n but should raise: \(error ?? "")")
        return
      }
      if Array(result.utf8) != Array(text.utf8) {
        Issue.record("\(label)\n gave: \(result.debugDescription)\n not:  \(text.debugDescription)")
      }
    } catch let raised as TemplateError {
      guard let error else {
        Issue.record("\(label)\n raised: \(raised)\n but should give: \(text.debugDescription)")
        return
      }
      #expect(raised.line != nil, "\(label): no line")
      let kinds: [(name: String, kind: TemplateError.Kind)] = [
        ("TemplateSyntaxError", .syntax), ("UndefinedError", .undefined), ("SecurityError", .security),
        ("TemplateError", .raised), ("RecursionError", .limit),
      ]
      for (name, kind) in kinds where error.hasPrefix(name + ":") {
        #expect(raised.kind == kind, "\(label): \(raised) instead of \(error)")
        if kind == .raised { #expect("TemplateError: " + raised.message == error) }
      }
    } catch {
      Issue.record("\(label): \(error)")
    }
  }
}
