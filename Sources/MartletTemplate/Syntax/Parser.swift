/// Builds the tree of a template with the grammar of Jinja2.
struct Parser {
  /// The most levels that expressions, and statements in statements, may nest.
  static let nestingLimit = 100

  var tokens: [Token]
  var position = 0
  var symbols: [String] = []
  var symbolIndex: [String: Int] = [:]
  /// How many loops are open in the innermost macro, for `break` and `continue`.
  var openLoops = 0
  /// The special variables that the bodies of the open macros have mentioned, innermost last.
  var mentions: [Set<String>] = []
  var statementDepth = 0
  let stack = StackGuard(bytes: 200 << 10)

  static func parse(_ source: String) throws(TemplateError) -> Program {
    var parser = Parser(tokens: try Lexer.tokenize(source))
    do {
      let body = try parser.parseBody(until: [])
      return Program(body: body, symbols: parser.symbols, symbolIndex: parser.symbolIndex)
    } catch {
      throw error.located(at: parser.current.line)
    }
  }

  private init(tokens: [Token]) { self.tokens = tokens }

  // MARK: Tokens

  /// The last token is the end and is never stepped over.
  var current: Token { tokens[position] }
  var next: Token { tokens[min(position + 1, tokens.count - 1)] }

  @discardableResult
  mutating func advance() -> Token {
    let token = tokens[position]
    if position + 1 < tokens.count { position += 1 }
    return token
  }

  func isAt(_ symbol: Token.Symbol) -> Bool { current.kind == .symbol(symbol) }
  func isAt(word: String) -> Bool { current.kind == .name && current.text == word }

  mutating func accept(_ symbol: Token.Symbol) -> Bool {
    guard isAt(symbol) else { return false }
    advance()
    return true
  }

  mutating func accept(word: String) -> Bool {
    guard isAt(word: word) else { return false }
    advance()
    return true
  }

  mutating func expect(_ symbol: Token.Symbol) throws(TemplateError) {
    guard accept(symbol) else { throw failure("expected '\(symbol.rawValue)', found \(current.description)") }
  }

  mutating func expect(word: String) throws(TemplateError) {
    guard accept(word: word) else { throw failure("expected '\(word)', found \(current.description)") }
  }

  mutating func expectName() throws(TemplateError) -> String {
    guard current.kind == .name else { throw failure("expected a name, found \(current.description)") }
    return advance().text
  }

  mutating func expect(_ kind: Token.Kind, _ shown: String) throws(TemplateError) {
    guard current.kind == kind else { throw failure("expected \(shown), found \(current.description)") }
    advance()
  }

  func failure(_ message: String) -> TemplateError { TemplateError(.syntax, message, line: current.line) }

  mutating func symbol(_ name: String) -> Int {
    if let known = symbolIndex[name] { return known }
    symbols.append(name)
    symbolIndex[name] = symbols.count - 1
    return symbols.count - 1
  }

  // MARK: Bodies

  /// Statements up to a tag whose name is in `ends`; that name is the current token then.
  mutating func parseBody(until ends: Set<String>) throws(TemplateError) -> [Statement] {
    try stack.check()
    guard statementDepth < Parser.nestingLimit else {
      throw failure("statements nest more than \(Parser.nestingLimit) levels deep")
    }
    statementDepth += 1
    defer { statementDepth -= 1 }
    var body: [Statement] = []
    while true {
      let token = current
      switch token.kind {
      case .data:
        advance()
        body.append(Statement(node: .data(token.text), line: token.line))
      case .variableBegin:
        advance()
        let expression = try parseTuple()
        try expect(.variableEnd, "'}}'")
        body.append(Statement(node: .output(expression), line: token.line))
      case .blockBegin:
        advance()
        if current.kind == .name, ends.contains(current.text) { return body }
        try parseStatement(into: &body)
        try expect(.blockEnd, "'%}'")
      default:
        guard ends.isEmpty else {
          throw failure("expected {% \(ends.sorted().joined(separator: " %} or {% ")) %}, found \(token.description)")
        }
        return body
      }
    }
  }

  /// The rest of an opening tag, and the body that follows it up to one of `ends`.
  mutating func parseBlock(until ends: String...) throws(TemplateError) -> [Statement] {
    _ = accept(.colon)
    try expect(.blockEnd, "'%}'")
    return try parseBody(until: Set(ends))
  }

  /// A body in which `break` and `continue` cannot reach the loops around it, for it is called like a function.
  private mutating func parseCallable(until end: String) throws(TemplateError) -> (body: [Statement], Set<String>) {
    let outerLoops = openLoops
    openLoops = 0
    mentions.append([])
    let body = try parseBlock(until: end)
    advance()
    openLoops = outerLoops
    let mentioned = mentions.removeLast()
    if !mentions.isEmpty { mentions[mentions.count - 1].formUnion(mentioned) }
    return (body, mentioned)
  }

  // MARK: Statements

  private mutating func parseStatement(into body: inout [Statement]) throws(TemplateError) {
    let line = current.line
    guard current.kind == .name else { throw failure("expected the name of a tag, found \(current.description)") }
    let name = advance().text
    let node: Statement.Node
    switch name {
    case "if": node = try parseIf()
    case "for": node = try parseFor()
    case "set": node = try parseSet()
    case "print":
      while current.kind != .blockEnd {
        body.append(Statement(node: .output(try parseExpression()), line: line))
        if current.kind != .blockEnd { try expect(.comma) }
      }
      return
    case "macro": node = .macro(try parseMacro())
    case "call": node = try parseCallBlock()
    case "filter":
      let filters = try parseFilters(begun: true)
      node = .filterBlock(filters, try parseBlock(until: "endfilter"))
      advance()
    case "with": node = try parseWith()
    case "generation": node = .scope(try parseCallable(until: "endgeneration").body)
    case "autoescape":
      let condition = try parseExpression()
      node = .autoescape(condition, try parseBlock(until: "endautoescape"))
      advance()
    case "block": node = try parseNamedBlock()
    case "break", "continue":
      guard openLoops > 0 else { throw failure("'\(name)' outside of a loop") }
      node = name == "break" ? .breakLoop : .continueLoop
    case "extends", "include", "import", "from":
      while current.kind != .blockEnd, current.kind != .end { advance() }
      node = .unavailable("'\(name)' needs other templates, and a chat template stands alone")
    default: throw failure("unknown tag '\(name)'")
    }
    body.append(Statement(node: node, line: line))
  }

  private mutating func parseIf() throws(TemplateError) -> Statement.Node {
    var branches: [(condition: Expression, body: [Statement])] = []
    while true {
      let condition = try parseTuple(withChoice: false)
      branches.append((condition, try parseBlock(until: "elif", "else", "endif")))
      let word = advance().text
      if word == "elif" { continue }
      var otherwise: [Statement] = []
      if word == "else" {
        otherwise = try parseBlock(until: "endif")
        advance()
      }
      return .conditional(branches, otherwise: otherwise)
    }
  }

  private mutating func parseFor() throws(TemplateError) -> Statement.Node {
    let target = try parseTarget(endingBefore: "in")
    try checkNotLoop(target)
    try expect(word: "in")
    let sequence = try parseTuple(withChoice: false, endingBefore: "recursive")
    let test = accept(word: "if") ? try parseExpression() : nil
    let isRecursive = accept(word: "recursive")
    openLoops += 1
    let body = try parseBlock(until: "endfor", "else")
    openLoops -= 1
    var otherwise: [Statement] = []
    if advance().text == "else" {
      otherwise = try parseBlock(until: "endfor")
      advance()
    }
    return .loop(
      Loop(
        target: target, sequence: sequence, test: test, isRecursive: isRecursive, body: body, otherwise: otherwise))
  }

  private func checkNotLoop(_ target: Target) throws(TemplateError) {
    switch target {
    case .variable(let symbol):
      if symbols[symbol] == "loop" { throw failure("a loop cannot assign to 'loop'") }
    case .tuple(let parts):
      for part in parts { try checkNotLoop(part) }
    case .member: break
    }
  }

  private mutating func parseSet() throws(TemplateError) -> Statement.Node {
    let target = try parseTarget(allowsMembers: true)
    if accept(.assign) { return .set(target, try parseTuple()) }
    let filters = try parseFilters(begun: false)
    let body = try parseBlock(until: "endset")
    advance()
    return .setBlock(target, filters, body)
  }

  private mutating func parseWith() throws(TemplateError) -> Statement.Node {
    var bindings: [(target: Target, value: Expression)] = []
    while current.kind != .blockEnd {
      if !bindings.isEmpty { try expect(.comma) }
      let target = try parseTarget()
      try expect(.assign)
      bindings.append((target, try parseExpression()))
    }
    let body = try parseBlock(until: "endwith")
    advance()
    return .with(bindings, body)
  }

  private mutating func parseNamedBlock() throws(TemplateError) -> Statement.Node {
    let name = try expectName()
    let scoped = accept(word: "scoped")
    _ = accept(word: "required")
    let outerLoops = openLoops
    openLoops = 0
    let body = try parseBlock(until: "endblock")
    openLoops = outerLoops
    advance()
    _ = accept(word: name)
    return .block(body, scoped: scoped)
  }

  private mutating func parseMacro() throws(TemplateError) -> Macro {
    let name = try expectName()
    let parameters = try parseParameters()
    return try finishMacro(name: name, parameters: parameters, end: "endmacro")
  }

  private mutating func parseCallBlock() throws(TemplateError) -> Statement.Node {
    let parameters = isAt(.leftParenthesis) ? try parseParameters() : []
    let call = try parseExpression()
    guard case .call = call.node else { throw failure("expected a call") }
    return .callBlock(caller: try finishMacro(name: "caller", parameters: parameters, end: "endcall"), call: call)
  }

  private mutating func parseParameters() throws(TemplateError) -> [Macro.Parameter] {
    var parameters: [Macro.Parameter] = []
    try expect(.leftParenthesis)
    while !isAt(.rightParenthesis) {
      if !parameters.isEmpty { try expect(.comma) }
      let name = try expectName()
      let fallback = accept(.assign) ? try parseExpression() : nil
      if fallback == nil, parameters.last?.fallback != nil {
        throw failure("the parameter '\(name)' needs a default, for one before it has one")
      }
      parameters.append(Macro.Parameter(name: name, symbol: symbol(name), fallback: fallback))
    }
    advance()
    return parameters
  }

  private mutating func finishMacro(
    name: String, parameters: [Macro.Parameter], end: String
  ) throws(TemplateError) -> Macro {
    let (body, mentioned) = try parseCallable(until: end)
    if mentioned.contains("caller"), parameters.contains(where: { $0.name == "caller" && $0.fallback == nil }) {
      throw failure("the special parameter 'caller' must be left out or have a default")
    }
    func special(_ word: String, _ parser: inout Parser) -> Int? {
      mentioned.contains(word) && !parameters.contains { $0.name == word } ? parser.symbol(word) : nil
    }
    return Macro(
      name: name, symbol: symbol(name), parameters: parameters, body: body,
      callerSymbol: special("caller", &self), keywordsSymbol: special("kwargs", &self),
      positionalsSymbol: special("varargs", &self))
  }
}
