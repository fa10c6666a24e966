internal import CMartletDriver
internal import CMartletKernels

/// Something about MetaX's library that public sources leave open, and what this machine says.
package struct MetaXFinding: Sendable, Equatable {
  /// The question.
  package let question: String
  /// What came of it.
  package let answer: String
}

extension MetaXRuntimeAPI {
  /// Asks a device what public sources leave open. An answer of no is none of its failures: what matters for computing is
  /// checked elsewhere.
  package func survey(_ index: Int) throws(RuntimeError) -> [MetaXFinding] {
    let functions = try functions()
    let description = try describe(index)
    var findings = [
      MetaXFinding(question: "names of functions begin with", answer: String(cString: functions.prefix)),
      MetaXFinding(
        question: "functions that may be missing",
        answer: driver.search.lacking.isEmpty ? "all there" : "without " + driver.search.lacking.joined(separator: ", ")
      ),
      MetaXFinding(question: "architecture and lanes of a wave", answer: description.architecture),
    ]
    for options in [[], ["-std=c++17"]] {
      findings.append(
        MetaXFinding(
          question: "compiling \(options.isEmpty ? "without options" : "with " + options.joined(separator: " "))",
          answer: answer { () throws(RuntimeError) in
            "\(try compiler().compile(identity, definitions: nil, options: options).count) bytes of code"
          }))
    }
    for passing in MetaXDriver.Passing.allCases {
      findings.append(
        MetaXFinding(
          question: "arguments of kernels \(passing.words)",
          answer: answer { () throws(RuntimeError) in
            try identify(index, by: passing) == MetaXTarget(description.architecture) ? "work" : "came wrong"
          }))
    }
    return findings
  }

  private func answer(_ body: () throws(RuntimeError) -> String) -> String {
    do throws(RuntimeError) { return try body() } catch { return "no: \(error)" }
  }
}

extension MetaXDriver.Passing {
  fileprivate var words: String {
    switch self {
    case .addresses: "by their addresses"
    case .packed: "packed, ended by 0"
    case .packedWithOtherEnd: "packed, ended by 3"
    }
  }
}
