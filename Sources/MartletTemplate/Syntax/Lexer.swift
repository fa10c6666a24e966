/// Cuts a template into tokens. White space follows Jinja2 with `trim_blocks` and `lstrip_blocks` on: a newline right
/// after a block or comment goes, and so do blanks between the start of a line and a block or comment; `-` strips
/// everything on its side and `+` keeps everything.
struct Lexer {
  private let source: [Unicode.Scalar]
  private var offset = 0
  private var line = 1
  private var tokens: [Token] = []
  /// Whether the last tag ended with a newline, which makes blanks that follow the start of a line.
  private var atLineStart = true

  static func tokenize(_ source: String) throws(TemplateError) -> [Token] {
    var lexer = Lexer(source)
    try lexer.run()
    return lexer.tokens
  }

  /// All line ends become `\n`, and one at the very end goes, as in Jinja2.
  private init(_ text: String) {
    source = Lexer.normalizingNewlines(text.unicodeScalars, droppingLast: true)
  }

  private static func normalizingNewlines(
    _ text: some Sequence<Unicode.Scalar>, droppingLast: Bool
  ) -> [Unicode.Scalar] {
    var result: [Unicode.Scalar] = []
    var afterReturn = false
    for scalar in text {
      if scalar == "\n", afterReturn {
        afterReturn = false
        continue
      }
      afterReturn = scalar == "\r"
      result.append(afterReturn ? "\n" : scalar)
    }
    if droppingLast, result.last == "\n" { result.removeLast() }
    return result
  }

  private func peek(_ distance: Int = 0) -> Unicode.Scalar? {
    offset + distance < source.count ? source[offset + distance] : nil
  }

  private func looking(at first: Unicode.Scalar, _ second: Unicode.Scalar, from position: Int) -> Bool {
    position + 1 < source.count && source[position] == first && source[position + 1] == second
  }

  private mutating func advance(to position: Int) {
    for scalar in source[offset..<position] where scalar == "\n" { line += 1 }
    offset = position
  }

  private mutating func emit(_ kind: Token.Kind, _ text: String = "") {
    tokens.append(Token(kind: kind, text: text, line: line))
  }

  private func text(_ range: Range<Int>) -> String {
    var result = String.UnicodeScalarView()
    result.append(contentsOf: source[range])
    return String(result)
  }

  private func failure(_ message: String) -> TemplateError { TemplateError(.syntax, message, line: line) }

  private enum Opening { case block, variable, comment }

  private mutating func run() throws(TemplateError) {
    while offset < source.count {
      guard let (start, opening) = nextOpening() else {
        emitData(offset..<source.count)
        break
      }
      let afterOpening = start + 2
      let sign = afterOpening < source.count ? source[afterOpening] : nil
      emitData(offset..<trimmedEnd(of: start, sign: sign, isVariable: opening == .variable))
      if opening == .block, let bodyStart = rawBodyStart(at: start) {
        try lexRaw(from: bodyStart)
        continue
      }
      advance(to: sign == "-" || sign == "+" ? afterOpening + 1 : afterOpening)
      switch opening {
      case .comment: try skipComment()
      case .block:
        emit(.blockBegin)
        try lexExpression(endingWith: "%")
      case .variable:
        emit(.variableBegin)
        try lexExpression(endingWith: "}")
      }
    }
    emit(.end)
  }

  private func nextOpening() -> (Int, Opening)? {
    var position = offset
    while position + 1 < source.count {
      if source[position] == "{" {
        switch source[position + 1] {
        case "%": return (position, .block)
        case "{": return (position, .variable)
        case "#": return (position, .comment)
        default: break
        }
      }
      position += 1
    }
    return nil
  }

  private mutating func emitData(_ range: Range<Int>) {
    if !range.isEmpty { emit(.data, text(range)) }
  }

  /// Where the data before the tag at `start` ends once the tag's left side took the white space that it may.
  private func trimmedEnd(of start: Int, sign: Unicode.Scalar?, isVariable: Bool) -> Int {
    var end = start
    if sign == "-" {
      while end > offset, source[end - 1].isPythonSpace { end -= 1 }
      return end
    }
    if sign == "+" || isVariable { return start }
    while end > offset, source[end - 1] != "\n" {
      guard source[end - 1].isPythonSpace else { return start }
      end -= 1
    }
    return end > offset || atLineStart ? end : start
  }

  /// Steps over the closing `%}`, `}}` or `#}` at `position`, which may carry a sign, and the white space that it takes.
  private mutating func close(at position: Int, sign: Unicode.Scalar?, trimsNewline: Bool) {
    var end = position + (sign == nil ? 2 : 3)
    if sign == "-" {
      while end < source.count, source[end].isPythonSpace { end += 1 }
    } else if sign == nil, trimsNewline, end < source.count, source[end] == "\n" {
      end += 1
    }
    advance(to: end)
    atLineStart = source[end - 1] == "\n"
  }

  private mutating func skipComment() throws(TemplateError) {
    var position = offset
    while position + 1 < source.count {
      if looking(at: "#", "}", from: position) {
        let before = position > offset ? source[position - 1] : nil
        if before == "-" || before == "+" {
          close(at: position - 1, sign: before, trimsNewline: true)
        } else {
          close(at: position, sign: nil, trimsNewline: true)
        }
        return
      }
      position += 1
    }
    throw failure("the comment has no closing '#}'")
  }

  /// Where the body of a raw block begins, when the tag at `start` opens one.
  private func rawBodyStart(at start: Int) -> Int? {
    guard let afterWord = tagWord("raw", at: start) else { return nil }
    if looking(at: "%", "}", from: afterWord) { return afterWord + 2 }
    guard afterWord < source.count, source[afterWord] == "-", looking(at: "%", "}", from: afterWord + 1) else {
      return nil
    }
    var end = afterWord + 3
    while end < source.count, source[end].isPythonSpace { end += 1 }
    return end
  }

  /// The position after `{%`, a sign, `word` and white space, when the tag at `start` reads so.
  private func tagWord(_ word: String, at start: Int) -> Int? {
    var position = start + 2
    if position < source.count, source[position] == "-" || source[position] == "+" { position += 1 }
    while position < source.count, source[position].isPythonSpace { position += 1 }
    guard source[position...].starts(with: word.unicodeScalars) else { return nil }
    position += word.unicodeScalars.count
    while position < source.count, source[position].isPythonSpace { position += 1 }
    return position
  }

  private mutating func lexRaw(from bodyStart: Int) throws(TemplateError) {
    advance(to: bodyStart)
    atLineStart = source[bodyStart - 1] == "\n"
    var position = offset
    while position + 1 < source.count {
      if looking(at: "{", "%", from: position), let afterWord = tagWord("endraw", at: position) {
        let next = afterWord < source.count ? source[afterWord] : nil
        let sign = next == "-" || next == "+" ? next : nil
        let closing = sign == nil ? afterWord : afterWord + 1
        if looking(at: "%", "}", from: closing) {
          let opening = source[position + 2]
          emitData(offset..<trimmedEnd(of: position, sign: opening, isVariable: false))
          close(at: afterWord, sign: sign, trimsNewline: true)
          return
        }
      }
      position += 1
    }
    throw failure("the raw block has no closing '{% endraw %}'")
  }

  private mutating func lexExpression(endingWith closing: Unicode.Scalar) throws(TemplateError) {
    var brackets: [Token.Symbol] = []
    let isBlock = closing == "%"
    while let scalar = peek() {
      if brackets.isEmpty {
        let signed = scalar == "-" || scalar == "+" && isBlock
        if looking(at: closing, "}", from: signed ? offset + 1 : offset) {
          emit(isBlock ? .blockEnd : .variableEnd)
          close(at: offset, sign: signed ? scalar : nil, trimsNewline: isBlock)
          return
        }
      }
      if scalar.isPythonSpace {
        advance(to: offset + 1)
      } else if scalar.value >= 0x30 && scalar.value <= 0x39 {
        lexNumber()
      } else if scalar == "_" || scalar.properties.isXIDStart {
        var end = offset + 1
        while end < source.count, source[end].properties.isXIDContinue { end += 1 }
        emit(.name, text(offset..<end))
        advance(to: end)
      } else if scalar == "'" || scalar == "\"" {
        try lexString(quote: scalar)
      } else {
        try lexSymbol(&brackets)
      }
    }
    throw failure("the tag has no closing '\(closing)}'")
  }

  private mutating func lexSymbol(_ brackets: inout [Token.Symbol]) throws(TemplateError) {
    guard let scalar = peek(), let (symbol, length) = Token.Symbol.match(scalar, peek(1)) else {
      throw failure("unexpected character \(peek().map { String($0).pythonRepresentation } ?? "")")
    }
    if let closing = symbol.closing { brackets.append(closing) }
    if symbol.isClosing {
      guard let expected = brackets.popLast() else { throw failure("unexpected '\(symbol.rawValue)'") }
      guard expected == symbol else {
        throw failure("unexpected '\(symbol.rawValue)', expected '\(expected.rawValue)'")
      }
    }
    emit(.symbol(symbol), symbol.rawValue)
    advance(to: offset + length)
  }

  private mutating func lexString(quote: Unicode.Scalar) throws(TemplateError) {
    var end = offset + 1
    while end < source.count, source[end] != quote { end += source[end] == "\\" ? 2 : 1 }
    guard end < source.count else { throw failure("the text has no closing \(quote)") }
    let body = source[(offset + 1)..<end]
    guard let text = StringEscapes.decode(body) else { throw failure("malformed escape in a text") }
    emit(.string, text)
    advance(to: end + 1)
  }

  private mutating func lexNumber() {
    // After a dot as in `row.0.1`, digits are whole numbers.
    let afterDot = offset > 0 && source[offset - 1] == "."
    let (end, isFloat) = NumberScanner.scan(source, from: offset, allowsFloat: !afterDot)
    emit(isFloat ? .float : .integer, text(offset..<end))
    advance(to: end)
  }
}
