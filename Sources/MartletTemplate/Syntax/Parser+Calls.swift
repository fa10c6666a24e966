/// Filters, tests and arguments.
extension Parser {
  private mutating func dottedName() throws(TemplateError) -> String {
    var name = try expectName()
    while accept(.dot) { name += "." + (try expectName()) }
    return name
  }

  mutating func parseFilterCall() throws(TemplateError) -> FilterCall {
    let name = try dottedName()
    let arguments = isAt(.leftParenthesis) ? try parseArguments() : CallArguments()
    return FilterCall(name: name, filter: Filter(rawValue: name), arguments: arguments)
  }

  /// `a|b(…)` without a value in front, as `{% filter %}` has after its name and `{% set %}` after its target.
  mutating func parseFilters(begun: Bool) throws(TemplateError) -> [FilterCall] {
    var filters: [FilterCall] = []
    if begun { filters.append(try parseFilterCall()) }
    while accept(.pipe) { filters.append(try parseFilterCall()) }
    return filters
  }

  mutating func parseTest(of value: Expression) throws(TemplateError) -> Expression {
    let line = advance().line
    let isNegated = accept(word: "not")
    let name = try dottedName()
    var arguments = CallArguments()
    if isAt(.leftParenthesis) {
      arguments = try parseArguments()
    } else if beginsTestArgument {
      if isAt(word: "is") { throw failure("a test cannot follow a test") }
      arguments.positional = [try parsePostfix(try parsePrimary())]
    }
    let call = TestCall(name: name, test: Test(rawValue: name), arguments: arguments)
    let result = try node(.test(value, call), over: value.height, arguments.height, line: line)
    return isNegated ? try node(.not(result), over: result.height, line: line) : result
  }

  private var beginsTestArgument: Bool {
    switch current.kind {
    case .name: !["else", "or", "and"].contains(current.text)
    case .string, .integer, .float, .symbol(.leftBracket), .symbol(.leftBrace): true
    default: false
    }
  }

  mutating func parseArguments() throws(TemplateError) -> CallArguments {
    try stack.check()
    try expect(.leftParenthesis)
    var arguments = CallArguments()
    var isFirst = true
    while !isAt(.rightParenthesis) {
      if !isFirst { try expect(.comma) }
      isFirst = false
      if isAt(.rightParenthesis) { break }
      let hasSpread = arguments.spreadPositional != nil || arguments.spreadKeyword != nil
      if accept(.multiply) {
        guard !hasSpread else { throw failure("an argument list takes one '*'") }
        arguments.spreadPositional = try parseExpression()
      } else if accept(.power) {
        guard arguments.spreadKeyword == nil else { throw failure("an argument list takes one '**'") }
        arguments.spreadKeyword = try parseExpression()
      } else if current.kind == .name, next.kind == .symbol(.assign) {
        guard arguments.spreadKeyword == nil else { throw failure("a named argument cannot follow '**'") }
        let name = advance().text
        advance()
        arguments.keyword.append((name, try parseExpression()))
      } else {
        guard !hasSpread, arguments.keyword.isEmpty else {
          throw failure("a positional argument cannot follow a named one")
        }
        arguments.positional.append(try parseExpression())
      }
    }
    advance()
    return arguments
  }
}
