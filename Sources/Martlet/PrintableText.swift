extension StringProtocol {
  /// The text with its control characters spelled out (`\u{1B}` as backslash and letters), and those that turn the
  /// direction of writing, behind which a name can look like another: what a file or a request holds must not steer the
  /// terminal that shows it.
  package var printable: String {
    unicodeScalars.reduce(into: "") { result, scalar in
      let isSteering = scalar.properties.generalCategory == .control || scalar.properties.isBidiControl
      result += isSteering ? scalar.escaped(asASCII: true) : String(scalar)
    }
  }
}
