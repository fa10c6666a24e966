import Foundation
import Glibc
import MartletHub
import MartletTestSupport
import Testing

/// The built command and what it is run on.
enum Martlet {
  /// The command lies beside the program that runs the tests.
  static let executable: String = {
    let tests =
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? CommandLine.arguments[0]
    return URL(filePath: tests).deletingLastPathComponent().appending(path: "martlet").path
  }()

  /// What a run printed and came to.
  struct Result {
    let end: Child.End
    let bytes: [UInt8]
    let error: String

    var status: Int32 { end.status }
    var output: String { String(decoding: bytes, as: UTF8.self) }

    /// Standard output as JSON, read by Foundation.
    func json() throws -> Any {
      try JSONSerialization.jsonObject(with: Data(bytes), options: .fragmentsAllowed)
    }

    /// Standard output as a JSON object.
    func object() throws -> [String: Any] { try #require(try json() as? [String: Any]) }
  }

  /// Runs the command to its end. Standard input is empty unless given.
  static func run(
    _ arguments: [String], input: String? = nil, environment: [String: String] = [:]
  ) throws -> Result {
    let output = try TemporaryFile([])
    let error = try TemporaryFile([])
    let inputFile = try input.map { try TemporaryFile(Array($0.utf8)) }
    let child = try Child(
      executable, arguments, input: inputFile?.path ?? "/dev/null", output: output.path,
      error: error.path, environment: environment)
    let end = try child.wait()
    func contents(_ file: TemporaryFile) throws -> [UInt8] { Array(try Data(contentsOf: URL(filePath: file.path))) }
    return Result(
      end: end, bytes: try contents(output), error: String(decoding: try contents(error), as: UTF8.self))
  }

  /// Runs the command, which must succeed.
  static func succeed(
    _ arguments: [String], input: String? = nil, environment: [String: String] = [:],
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Result {
    let result = try run(arguments, input: input, environment: environment)
    try #require(result.status == 0, "\(arguments): \(result.error)", sourceLocation: sourceLocation)
    return result
  }

  /// Runs the command, which must fail: with this status, nothing on standard output, and on standard error one line
  /// that has all of `words` in it.
  @discardableResult
  static func fail(
    _ arguments: [String], _ status: Int32, _ words: [String], input: String? = nil,
    environment: [String: String] = [:], sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> Result {
    let result = try run(arguments, input: input, environment: environment)
    #expect(result.status == status, "\(arguments): \(result.error)", sourceLocation: sourceLocation)
    #expect(result.bytes.isEmpty, "\(arguments)", sourceLocation: sourceLocation)
    // Before it failed, a command may have said where it runs.
    let lines = result.error.split(separator: "\n").filter { $0 != "martlet: running on cpu" }
    #expect(
      lines.count == 1 && lines.allSatisfy { $0.hasPrefix("martlet: ") }, "\(result.error)",
      sourceLocation: sourceLocation)
    for word in words {
      #expect(result.error.contains(word), "\(arguments)", sourceLocation: sourceLocation)
    }
    return result
  }
}

/// What lies outside the package.
enum Resources {
  /// The default model, if it is in the cache.
  static let model: String? = try? ModelLocator.locate("smollm2").path
  static let hasModel = model != nil

  private static let shared = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appending(path: "shared/data")
  static let vocabularies = shared.appending(path: "vocab")
  static let hasVocabularies = FileManager.default.fileExists(atPath: vocabularies.path)
  static let templates = shared.appending(path: "templates")
  static let hasTemplates = FileManager.default.fileExists(atPath: templates.path)
}
