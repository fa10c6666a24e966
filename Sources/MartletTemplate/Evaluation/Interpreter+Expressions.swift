extension Interpreter {
  func evaluate(_ expression: Expression) throws(TemplateError) -> TemplateValue {
    do {
      try spend()
      try stack.check()
      return try evaluate(expression.node)
    } catch {
      throw error.located(at: expression.line)
    }
  }

  /// Every case that needs more than a few locals is a function, which keeps the frame of this one small.
  private func evaluate(_ node: Expression.Node) throws(TemplateError) -> TemplateValue {
    switch node {
    case .literal(let value): return value
    case .variable(let symbol): return lookUp(symbol)
    case .array(let items): return try array(try evaluate(items))
    case .tuple(let items): return try tuple(try evaluate(items))
    case .object(let entries): return try evaluateObject(entries)
    case .attribute(let base, let name): return try attribute(name, of: try evaluate(base))
    case .item(let base, let key): return try evaluateItem(base, key)
    case .slice(let base, let lower, let upper, let step): return try evaluateSlice(base, lower, upper, step)
    case .call(let callee, let arguments): return try evaluateCall(callee, arguments)
    case .filter(let base, let call): return try apply(call, to: try evaluate(base))
    case .test(let base, let call): return try evaluateTest(base, call)
    case .not(let operand): return .bool(try !isTrue(try evaluate(operand)))
    case .sign(let operand, let negates): return try signed(try evaluate(operand), negates: negates)
    case .chain(let first, let rest): return try evaluateChain(first, rest)
    case .all(let operands): return try evaluateLogic(operands, stopsAt: false)
    case .any(let operands): return try evaluateLogic(operands, stopsAt: true)
    case .concatenation(let operands): return try evaluateConcatenation(operands)
    case .comparison(let first, let rest): return try evaluateComparison(first, rest)
    case .choice(let value, let condition, let otherwise): return try evaluateChoice(value, condition, otherwise)
    }
  }

  private func evaluate(_ expressions: [Expression]) throws(TemplateError) -> [TemplateValue] {
    var values: [TemplateValue] = []
    values.reserveCapacity(expressions.count)
    for expression in expressions { values.append(try evaluate(expression)) }
    return values
  }

  private func evaluateObject(
    _ entries: [(key: Expression, value: Expression)]
  ) throws(TemplateError) -> TemplateValue {
    var result = TemplateObject()
    for entry in entries {
      let original = try evaluate(entry.key)
      result.set(try key(original), original, try evaluate(entry.value))
    }
    return try object(result)
  }

  private func evaluateItem(_ base: Expression, _ key: Expression) throws(TemplateError) -> TemplateValue {
    let value = try evaluate(base)
    return try item(try evaluate(key), of: value)
  }

  private func evaluateTest(_ base: Expression, _ call: TestCall) throws(TemplateError) -> TemplateValue {
    let value = try evaluate(base)
    guard let test = call.test else { throw TemplateError(.value, "there is no test named '\(call.name)'") }
    return .bool(try check(test, value, try evaluate(call.arguments)))
  }

  func apply(_ call: FilterCall, to value: TemplateValue) throws(TemplateError) -> TemplateValue {
    guard let filter = call.filter else { throw TemplateError(.value, "there is no filter named '\(call.name)'") }
    return try apply(filter, to: value, try evaluate(call.arguments))
  }

  private func evaluateChain(
    _ first: Expression, _ rest: [(operation: BinaryOperator, operand: Expression)]
  ) throws(TemplateError) -> TemplateValue {
    var value = try evaluate(first)
    for (operation, operand) in rest {
      value = try calculate(value, operation, try evaluate(operand))
    }
    return value
  }

  /// `and` and `or` return the operand that decided.
  private func evaluateLogic(_ operands: [Expression], stopsAt stop: Bool) throws(TemplateError) -> TemplateValue {
    var value = TemplateValue.bool(!stop)
    for operand in operands {
      value = try evaluate(operand)
      if try isTrue(value) == stop { break }
    }
    return value
  }

  private func evaluateConcatenation(_ operands: [Expression]) throws(TemplateError) -> TemplateValue {
    var result = ""
    for operand in operands {
      result += try text(of: try evaluate(operand))
      try spend(textBytes: result.utf8.count)
    }
    return .string(result)
  }

  private func evaluateComparison(
    _ first: Expression, _ rest: [(relation: Relation, operand: Expression)]
  ) throws(TemplateError) -> TemplateValue {
    var left = try evaluate(first)
    for (relation, operand) in rest {
      let right = try evaluate(operand)
      guard try holds(left, relation, right) else { return .bool(false) }
      left = right
    }
    return .bool(true)
  }

  private func evaluateChoice(
    _ value: Expression, _ condition: Expression, _ otherwise: Expression?
  ) throws(TemplateError) -> TemplateValue {
    if try isTrue(try evaluate(condition)) { return try evaluate(value) }
    if let otherwise { return try evaluate(otherwise) }
    return .missing(hint: "the inline 'if' has no 'else' and its condition is false")
  }

  private func evaluateSlice(
    _ base: Expression, _ lower: Expression?, _ upper: Expression?, _ step: Expression?
  ) throws(TemplateError) -> TemplateValue {
    let value = try evaluate(base)
    let bounds = Slice(
      lower: try evaluateBound(lower), upper: try evaluateBound(upper), step: try evaluateBound(step))
    return try slice(value, bounds)
  }

  private func evaluateBound(_ expression: Expression?) throws(TemplateError) -> Int? {
    guard let expression else { return nil }
    let value = try evaluate(expression)
    if case .null = value { return nil }
    return try Optional(value).whole("a bound of a slice")
  }

  // MARK: Calls

  private func evaluateCall(
    _ callee: Expression, _ expressions: CallArguments
  ) throws(TemplateError) -> TemplateValue {
    let target = try calleeTarget(callee)
    return try call(target, try evaluate(expressions))
  }

  func call(_ callee: Expression, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
    try call(try calleeTarget(callee), arguments)
  }

  private enum CallTarget {
    case value(TemplateValue)
    case method(receiver: TemplateValue, name: String)
  }

  /// Methods are called on their receiver directly, without an object between.
  private func calleeTarget(_ callee: Expression) throws(TemplateError) -> CallTarget {
    guard case .attribute(let base, let name) = callee.node else { return .value(try evaluate(callee)) }
    let receiver = try evaluate(base)
    if try hasMethod(name, receiver) { return .method(receiver: receiver, name: name) }
    return .value(try attribute(name, of: receiver))
  }

  private func call(_ target: CallTarget, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
    switch target {
    case .value(let value): try call(value, arguments)
    case .method(let receiver, let name): try callMethod(name, receiver, arguments)
    }
  }

  func evaluate(_ expressions: CallArguments) throws(TemplateError) -> Arguments {
    var arguments = Arguments()
    arguments.positional = try evaluate(expressions.positional)
    for pair in expressions.keyword {
      guard !arguments.keyword.contains(where: { $0.name == pair.name }) else {
        throw TemplateError(.syntax, "the argument '\(pair.name)' is given twice")
      }
      arguments.keyword.append((pair.name, try evaluate(pair.value)))
    }
    if let spread = expressions.spreadPositional {
      arguments.positional += try items(of: try evaluate(spread))
    }
    if let spread = expressions.spreadKeyword {
      guard case .object(let object) = try evaluate(spread) else {
        throw TemplateError(.type, "the argument after '**' must be a mapping")
      }
      for entry in object.entries {
        guard case .string(let name) = entry.key, !arguments.keyword.contains(where: { $0.name == name }) else {
          throw TemplateError(.type, "the mapping after '**' must have texts as keys that are not given already")
        }
        arguments.keyword.append((name, entry.value))
      }
    }
    return arguments
  }
}
