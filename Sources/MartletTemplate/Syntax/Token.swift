/// A piece of a template's source.
struct Token {
  enum Kind: Hashable {
    case data, variableBegin, variableEnd, blockBegin, blockEnd
    case name, string, integer, float
    case symbol(Symbol)
    case end
  }

  enum Symbol: String, CaseIterable {
    case power = "**"
    case floorDivide = "//"
    case equal = "=="
    case notEqual = "!="
    case greaterOrEqual = ">="
    case lessOrEqual = "<="
    case add = "+"
    case subtract = "-"
    case multiply = "*"
    case divide = "/"
    case modulo = "%"
    case tilde = "~"
    case leftBracket = "["
    case rightBracket = "]"
    case leftParenthesis = "("
    case rightParenthesis = ")"
    case leftBrace = "{"
    case rightBrace = "}"
    case greater = ">"
    case less = "<"
    case assign = "="
    case dot = "."
    case colon = ":"
    case pipe = "|"
    case comma = ","
    case semicolon = ";"

    /// The longest symbol that `first` and `second` begin.
    static func match(_ first: Unicode.Scalar, _ second: Unicode.Scalar?) -> (symbol: Symbol, length: Int)? {
      if let second {
        var pair = String(first)
        pair.unicodeScalars.append(second)
        if let symbol = Symbol(rawValue: pair) { return (symbol, 2) }
      }
      return Symbol(rawValue: String(first)).map { ($0, 1) }
    }

    /// The symbol that closes this one, when it is an opening bracket.
    var closing: Symbol? {
      switch self {
      case .leftBrace: .rightBrace
      case .leftParenthesis: .rightParenthesis
      case .leftBracket: .rightBracket
      default: nil
      }
    }

    var isClosing: Bool { self == .rightBrace || self == .rightParenthesis || self == .rightBracket }
  }

  var kind: Kind
  var text: String
  var line: Int

  /// How messages show the token.
  var description: String {
    switch kind {
    case .data: "text"
    case .variableBegin: "'{{'"
    case .variableEnd: "'}}'"
    case .blockBegin: "'{%'"
    case .blockEnd: "'%}'"
    case .end: "the end of the template"
    case .string: "a text"
    default: "'\(text)'"
    }
  }
}
