extension Interpreter {
  func holds(
    _ left: TemplateValue, _ relation: Relation, _ right: TemplateValue
  ) throws(TemplateError) -> Bool {
    try spend(textBytes: textLength(left))
    switch relation {
    case .equal: return areEqual(left, right)
    case .notEqual: return !areEqual(left, right)
    case .less: return try orderedBefore(left, right)
    case .greater: return try orderedBefore(right, left)
    // Not the negation of the opposite: no order holds for NaN.
    case .lessOrEqual: return try orderedBefore(left, right) || areEqual(left, right)
    case .greaterOrEqual: return try orderedBefore(right, left) || areEqual(left, right)
    case .isIn: return try contains(right, left)
    case .isNotIn: return try !contains(right, left)
    }
  }

  private func textLength(_ value: TemplateValue) -> Int {
    if case .string(let text) = value { return text.utf8.count }
    return 0
  }

  func signed(_ value: TemplateValue, negates: Bool) throws(TemplateError) -> TemplateValue {
    if case .undefined(let missing) = value { throw missing.error }
    if case .double(let number) = value { return .double(negates ? -number : number) }
    guard let number = value.wholeNumber else {
      throw TemplateError(.type, "a '\(typeName(of: value))' has no sign")
    }
    return negates ? try calculate(.int(0), .subtract, .int(number)) : .int(number)
  }

  func calculate(
    _ left: TemplateValue, _ operation: BinaryOperator, _ right: TemplateValue
  ) throws(TemplateError) -> TemplateValue {
    if case .undefined(let missing) = left { throw missing.error }
    if operation == .modulo, case .string(let format) = left {
      return .string(try percentFormat(format, right))
    }
    if case .undefined(let missing) = right { throw missing.error }
    if let a = left.wholeNumber, let b = right.wholeNumber { return try calculate(a, operation, b) }
    if let a = left.floatNumber, let b = right.floatNumber { return try calculate(a, operation, b) }
    switch (operation, left, right) {
    case (.add, .string(let a), .string(let b)):
      try spend(textBytes: a.utf8.count + b.utf8.count)
      return .string(a + b)
    case (.add, .array(let a), .array(let b)):
      try spend(elements: a.count + b.count)
      return .array(a + b)
    case (.add, .tuple(let a), .tuple(let b)):
      try spend(elements: a.count + b.count)
      return .tuple(a + b)
    case (.multiply, _, _):
      if let count = right.wholeNumber, let result = try repeated(left, count) { return result }
      if let count = left.wholeNumber, let result = try repeated(right, count) { return result }
    default: break
    }
    throw TemplateError(
      .type,
      "'\(operation.rawValue)' is not defined for '\(typeName(of: left))' and '\(typeName(of: right))'")
  }

  private func repeated(_ value: TemplateValue, _ times: Int) throws(TemplateError) -> TemplateValue? {
    func size(_ count: Int) -> Int {
      let (size, overflow) = count.multipliedReportingOverflow(by: max(times, 0))
      return overflow ? .max : size
    }
    switch value {
    case .string(let text):
      try spend(textBytes: size(text.utf8.count))
      return .string(text.isEmpty ? "" : String(repeating: text, count: max(times, 0)))
    case .array(let items), .tuple(let items):
      try spend(elements: size(items.count))
      let result = items.isEmpty ? [] : Array(repeatElement(items, count: max(times, 0)).joined())
      if case .tuple = value { return .tuple(result) }
      return .array(result)
    default: return nil
    }
  }

  private func calculate(_ a: Int, _ operation: BinaryOperator, _ b: Int) throws(TemplateError) -> TemplateValue {
    let (value, overflow): (Int, Bool)
    switch operation {
    case .add: (value, overflow) = a.addingReportingOverflow(b)
    case .subtract: (value, overflow) = a.subtractingReportingOverflow(b)
    case .multiply: (value, overflow) = a.multipliedReportingOverflow(by: b)
    case .power:
      if b < 0 { return try calculate(Double(a), .power, Double(b)) }
      (value, overflow) = power(a, b)
    case .divide: return try calculate(Double(a), .divide, Double(b))
    case .floorDivide, .modulo:
      guard b != 0 else { throw TemplateError(.value, "division by zero") }
      let (quotient, quotientOverflow) = a.dividedReportingOverflow(by: b)
      let rest = a.remainderReportingOverflow(dividingBy: b).partialValue
      // Python rounds towards minus infinity, Swift towards zero.
      let needsFloor = rest != 0 && (rest < 0) != (b < 0)
      if operation == .modulo { return .int(needsFloor ? rest + b : rest) }
      (value, overflow) = (needsFloor ? quotient - 1 : quotient, quotientOverflow)
    }
    guard !overflow else { throw TemplateError(.value, "the result of '\(operation.rawValue)' does not fit 64 bits") }
    return .int(value)
  }

  private func power(_ base: Int, _ exponent: Int) -> (Int, Bool) {
    var (result, factor, rest) = (1, base, exponent)
    var overflow = false
    while rest > 0 {
      if rest & 1 == 1 {
        let step = result.multipliedReportingOverflow(by: factor)
        if step.overflow || overflow { return (0, true) }
        result = step.partialValue
      }
      rest >>= 1
      let square = factor.multipliedReportingOverflow(by: factor)
      overflow = square.overflow
      if overflow, rest > 0 { return (0, true) }
      factor = square.partialValue
    }
    return (result, false)
  }

  private func calculate(_ a: Double, _ operation: BinaryOperator, _ b: Double) throws(TemplateError) -> TemplateValue {
    switch operation {
    case .add: return .double(a + b)
    case .subtract: return .double(a - b)
    case .multiply: return .double(a * b)
    case .divide:
      guard b != 0 else { throw TemplateError(.value, "division by zero") }
      return .double(a / b)
    case .floorDivide, .modulo:
      guard b != 0 else { throw TemplateError(.value, "division by zero") }
      var rest = FloatText.remainder(a, b)
      var quotient = (a - rest) / b
      if rest != 0, (rest < 0) != (b < 0) {
        rest += b
        quotient -= 1
      }
      if operation == .modulo { return .double(rest == 0 ? Double(signOf: b, magnitudeOf: 0) : rest) }
      return .double(quotient == 0 ? Double(signOf: a / b, magnitudeOf: 0) : quotient.rounded(.toNearestOrEven))
    case .power:
      if a == 0, b < 0 { throw TemplateError(.value, "0 cannot be raised to a negative power") }
      let result = FloatText.power(a, b)
      if result.isNaN, !a.isNaN, !b.isNaN { throw TemplateError(.value, "the result of '**' is not a real number") }
      if result.isInfinite, a.isFinite, b.isFinite { throw TemplateError(.value, "the result of '**' is too large") }
      return .double(result)
    }
  }
}
