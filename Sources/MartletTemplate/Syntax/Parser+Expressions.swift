extension Parser {
  /// Makes a node, refusing trees that would take deep recursion.
  func node(
    _ node: Expression.Node, over children: Int..., line: Int
  ) throws(TemplateError) -> Expression {
    let height = 1 + (children.max() ?? 0)
    guard height <= Parser.nestingLimit else {
      throw failure("the expression nests more than \(Parser.nestingLimit) levels deep")
    }
    return Expression(node: node, line: line, height: height)
  }

  private func tallest(_ expressions: [Expression]) -> Int {
    var height = 0
    for expression in expressions { height = max(height, expression.height) }
    return height
  }

  // MARK: Tuples and targets

  private func isAtTupleEnd(_ word: String?) -> Bool {
    switch current.kind {
    case .variableEnd, .blockEnd, .symbol(.rightParenthesis): true
    case .name: current.text == word
    default: false
    }
  }

  /// One expression, or several with commas between, which make a tuple.
  mutating func parseTuple(
    withChoice: Bool = true, endingBefore word: String? = nil, inParentheses: Bool = false
  ) throws(TemplateError) -> Expression {
    let line = current.line
    var items: [Expression] = []
    var isTuple = false
    while !isAtTupleEnd(word) {
      items.append(withChoice ? try parseExpression() : try parseAny())
      guard accept(.comma) else { break }
      isTuple = true
    }
    if isTuple { return try node(.tuple(items), over: tallest(items), line: line) }
    if let only = items.first { return only }
    guard inParentheses else { throw failure("expected an expression, found \(current.description)") }
    return try node(.tuple([]), line: line)
  }

  /// What an assignment stores into: a name, a member of a namespace, or several.
  mutating func parseTarget(
    allowsMembers: Bool = false, endingBefore word: String? = nil
  ) throws(TemplateError) -> Target {
    try stack.check()
    var targets: [Target] = []
    var isTuple = false
    while !isAtTupleEnd(word) {
      targets.append(try parseSingleTarget(allowsMembers: allowsMembers))
      guard accept(.comma) else { break }
      isTuple = true
    }
    if !isTuple, let only = targets.first { return only }
    guard !targets.isEmpty else { throw failure("expected a name to assign to, found \(current.description)") }
    return .tuple(targets)
  }

  private mutating func parseSingleTarget(allowsMembers: Bool) throws(TemplateError) -> Target {
    if accept(.leftParenthesis) {
      let inner = try parseTarget(allowsMembers: false)
      try expect(.rightParenthesis)
      return inner
    }
    let name = try expectName()
    guard !["true", "false", "none", "True", "False", "None"].contains(name) else {
      throw failure("cannot assign to '\(name)'")
    }
    if allowsMembers, accept(.dot) { return .member(object: symbol(name), name: try expectName()) }
    return .variable(symbol(name))
  }

  // MARK: Operators, loosest first

  /// An expression with its `if … else`.
  mutating func parseExpression() throws(TemplateError) -> Expression {
    try stack.check()
    let line = current.line
    var value = try parseAny()
    while accept(word: "if") {
      let condition = try parseAny()
      let otherwise = accept(word: "else") ? try parseExpression() : nil
      value = try node(
        .choice(value, condition: condition, otherwise: otherwise),
        over: value.height, condition.height, otherwise?.height ?? 0, line: line)
    }
    return value
  }

  private mutating func parseAny() throws(TemplateError) -> Expression {
    let line = current.line
    var items = [try parseAll()]
    while accept(word: "or") { items.append(try parseAll()) }
    return items.count == 1 ? items[0] : try node(.any(items), over: tallest(items), line: line)
  }

  private mutating func parseAll() throws(TemplateError) -> Expression {
    let line = current.line
    var items = [try parseNot()]
    while accept(word: "and") { items.append(try parseNot()) }
    return items.count == 1 ? items[0] : try node(.all(items), over: tallest(items), line: line)
  }

  private mutating func parseNot() throws(TemplateError) -> Expression {
    let line = current.line
    var negations = 0
    while accept(word: "not") { negations += 1 }
    var value = try parseComparison()
    for _ in 0..<negations { value = try node(.not(value), over: value.height, line: line) }
    return value
  }

  private static let relations: [Token.Symbol: Relation] = [
    .equal: .equal, .notEqual: .notEqual, .less: .less, .lessOrEqual: .lessOrEqual, .greater: .greater,
    .greaterOrEqual: .greaterOrEqual,
  ]

  private mutating func parseComparison() throws(TemplateError) -> Expression {
    let line = current.line
    let first = try parseOperators(level: 0)
    var rest: [(relation: Relation, operand: Expression)] = []
    while true {
      if case .symbol(let symbol) = current.kind, let relation = Parser.relations[symbol] {
        advance()
        rest.append((relation, try parseOperators(level: 0)))
      } else if accept(word: "in") {
        rest.append((.isIn, try parseOperators(level: 0)))
      } else if isAt(word: "not"), next.kind == .name, next.text == "in" {
        advance()
        advance()
        rest.append((.isNotIn, try parseOperators(level: 0)))
      } else {
        break
      }
    }
    if rest.isEmpty { return first }
    return try node(.comparison(first, rest), over: first.height, tallest(rest.map(\.operand)), line: line)
  }

  /// Binary operators by precedence; all of them associate to the left. The second level is `~`, which is kept apart.
  private static let levels: [[Token.Symbol: BinaryOperator]] = [
    [.add: .add, .subtract: .subtract],
    [:],
    [.multiply: .multiply, .divide: .divide, .floorDivide: .floorDivide, .modulo: .modulo],
    [.power: .power],
  ]

  private mutating func parseOperators(level: Int) throws(TemplateError) -> Expression {
    if level == Parser.levels.count { return try parseUnary() }
    if level == 1 { return try parseConcatenation() }
    let line = current.line
    let first = try parseOperators(level: level + 1)
    var rest: [(operation: BinaryOperator, operand: Expression)] = []
    while case .symbol(let symbol) = current.kind, let operation = Parser.levels[level][symbol] {
      advance()
      rest.append((operation, try parseOperators(level: level + 1)))
    }
    if rest.isEmpty { return first }
    return try node(.chain(first, rest), over: first.height, tallest(rest.map(\.operand)), line: line)
  }

  private mutating func parseConcatenation() throws(TemplateError) -> Expression {
    let line = current.line
    var items = [try parseOperators(level: 2)]
    while accept(.tilde) { items.append(try parseOperators(level: 2)) }
    return items.count == 1 ? items[0] : try node(.concatenation(items), over: tallest(items), line: line)
  }

  /// A sign binds tighter than a call or an attribute after it, and looser than filters: `-x|abs` is `(-x)|abs`.
  private mutating func parseUnary() throws(TemplateError) -> Expression {
    let line = current.line
    var signs: [Bool] = []
    while isAt(.subtract) || isAt(.add) { signs.append(advance().text == "-") }
    var value = try parsePostfix(try parsePrimary())
    for negates in signs.reversed() {
      value = try parsePostfix(try node(.sign(value, negates: negates), over: value.height, line: line))
    }
    return try parseFiltersAndTests(value)
  }

  // MARK: Primaries and what follows them

  mutating func parsePrimary() throws(TemplateError) -> Expression {
    let token = current
    switch token.kind {
    case .name:
      advance()
      return try node(named(token.text), line: token.line)
    case .string:
      var text = ""
      while current.kind == .string { text += advance().text }
      return try node(.literal(.string(text)), line: token.line)
    case .integer:
      guard let number = NumberScanner.wholeNumber(token.text) else {
        throw failure("the number \(token.text.prefix(40)) does not fit 64 bits")
      }
      advance()
      return try node(.literal(.int(number)), line: token.line)
    case .float:
      guard let number = Double(token.text.filter { $0 != "_" }) else { throw failure("malformed number") }
      advance()
      return try node(.literal(.double(number)), line: token.line)
    case .symbol(.leftParenthesis):
      advance()
      let inner = try parseTuple(inParentheses: true)
      try expect(.rightParenthesis)
      return inner
    case .symbol(.leftBracket): return try parseArray()
    case .symbol(.leftBrace): return try parseObject()
    default: throw failure("unexpected \(token.description)")
    }
  }

  private mutating func named(_ name: String) -> Expression.Node {
    switch name {
    case "true", "True": return .literal(.bool(true))
    case "false", "False": return .literal(.bool(false))
    case "none", "None": return .literal(.null)
    case "caller", "kwargs", "varargs":
      if !mentions.isEmpty { mentions[mentions.count - 1].insert(name) }
      return .variable(symbol(name))
    default: return .variable(symbol(name))
    }
  }

  private mutating func parseArray() throws(TemplateError) -> Expression {
    let line = advance().line
    var items: [Expression] = []
    while !isAt(.rightBracket) {
      if !items.isEmpty { try expect(.comma) }
      if isAt(.rightBracket) { break }
      items.append(try parseExpression())
    }
    advance()
    return try node(.array(items), over: tallest(items), line: line)
  }

  private mutating func parseObject() throws(TemplateError) -> Expression {
    let line = advance().line
    var entries: [(key: Expression, value: Expression)] = []
    while !isAt(.rightBrace) {
      if !entries.isEmpty { try expect(.comma) }
      if isAt(.rightBrace) { break }
      let key = try parseExpression()
      try expect(.colon)
      entries.append((key, try parseExpression()))
    }
    advance()
    let height = max(tallest(entries.map(\.key)), tallest(entries.map(\.value)))
    return try node(.object(entries), over: height, line: line)
  }

  mutating func parsePostfix(_ base: Expression) throws(TemplateError) -> Expression {
    var value = base
    while true {
      if isAt(.dot) {
        value = try parseAttribute(of: value)
      } else if isAt(.leftBracket) {
        value = try parseItem(of: value)
      } else if isAt(.leftParenthesis) {
        value = try parseCall(of: value)
      } else {
        return value
      }
    }
  }

  private mutating func parseCall(of callee: Expression) throws(TemplateError) -> Expression {
    let line = current.line
    let arguments = try parseArguments()
    return try node(.call(callee, arguments), over: callee.height, arguments.height, line: line)
  }

  private mutating func parseAttribute(of value: Expression) throws(TemplateError) -> Expression {
    let line = advance().line
    let token = current
    if token.kind == .name {
      advance()
      return try node(.attribute(value, token.text), over: value.height, line: line)
    }
    guard token.kind == .integer else { throw failure("expected a name or a number after '.'") }
    let index = try parsePrimary()
    return try node(.item(value, index), over: value.height, line: line)
  }

  private mutating func parseItem(of value: Expression) throws(TemplateError) -> Expression {
    let line = advance().line
    var lower: Expression?
    if !isAt(.colon) {
      let index = try parseExpression()
      if !isAt(.colon) { return try finishItem(of: value, first: index, line: line) }
      lower = index
    }
    try expect(.colon)
    let upper = isAt(.colon) || isAt(.rightBracket) ? nil : try parseExpression()
    let step = accept(.colon) && !isAt(.rightBracket) ? try parseExpression() : nil
    try expect(.rightBracket)
    return try node(
      .slice(value, lower: lower, upper: upper, step: step),
      over: value.height, lower?.height ?? 0, upper?.height ?? 0, step?.height ?? 0, line: line)
  }

  private mutating func finishItem(
    of value: Expression, first: Expression, line: Int
  ) throws(TemplateError) -> Expression {
    var keys = [first]
    while accept(.comma) { keys.append(try parseExpression()) }
    try expect(.rightBracket)
    let key = keys.count == 1 ? first : try node(.tuple(keys), over: tallest(keys), line: line)
    return try node(.item(value, key), over: value.height, key.height, line: line)
  }

  private mutating func parseFiltersAndTests(_ base: Expression) throws(TemplateError) -> Expression {
    var value = base
    while true {
      let line = current.line
      if accept(.pipe) {
        let call = try parseFilterCall()
        value = try node(.filter(value, call), over: value.height, call.arguments.height, line: line)
      } else if isAt(word: "is") {
        value = try parseTest(of: value)
      } else if isAt(.leftParenthesis) {
        value = try parseCall(of: value)
      } else {
        return value
      }
    }
  }
}
