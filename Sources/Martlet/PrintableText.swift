extension StringProtocol {
  /// The text with its control characters spelled out (`\u{1B}` as backslash and letters): what a file or a request
  /// holds must not steer the terminal that shows it.
  package var printable: String {
    unicodeScalars.reduce(into: "") { result, scalar in
      result += scalar.properties.generalCategory == .control ? scalar.escaped(asASCII: true) : String(scalar)
    }
  }
}
