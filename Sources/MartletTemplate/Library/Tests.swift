/// The tests, which come after `is`.
enum Test: String {
  case boolean, callable, defined, divisibleby, eq, equalto, escaped, even, `false`, filter, float, ge, greaterthan, gt
  case `in`, integer, iterable, le, lessthan, lower, lt, mapping, ne, none, number, odd, sameas, sequence, string, test
  case `true`, undefined, upper
  // Operators are tests too, for `select` and its kin.
  case equal = "=="
  case notEqual = "!="
  case greater = ">"
  case greaterOrEqual = ">="
  case less = "<"
  case lessOrEqual = "<="
}

extension Interpreter {
  func check(_ test: Test, _ value: TemplateValue, _ arguments: Arguments) throws(TemplateError) -> Bool {
    if let relation = test.relation {
      return try holds(value, relation, try arguments.bound(test.rawValue, "other")[0].required("other"))
    }
    switch test {
    case .divisibleby:
      let divisor = try arguments.bound("divisibleby", "num")[0].required("num")
      return areEqual(try calculate(value, .modulo, divisor), .int(0))
    case .sameas: return isSame(value, try arguments.bound("sameas", "other")[0].required("other"))
    default:
      try arguments.none(test.rawValue)
      return try check(test, value)
    }
  }

  private func check(_ test: Test, _ value: TemplateValue) throws(TemplateError) -> Bool {
    switch test {
    case .defined: return !isUndefined(value)
    case .undefined: return isUndefined(value)
    case .none: return isSame(value, .null)
    case .true: return isSame(value, .bool(true))
    case .false: return isSame(value, .bool(false))
    case .even: return areEqual(try calculate(value, .modulo, .int(2)), .int(0))
    case .odd: return areEqual(try calculate(value, .modulo, .int(2)), .int(1))
    case .lower: return classify(try text(of: value), .islower)
    case .upper: return classify(try text(of: value), .isupper)
    case .filter: return value.plainText.flatMap { Filter(rawValue: $0) } != nil
    case .test: return value.plainText.flatMap { Test(rawValue: $0) } != nil
    default: return hasType(value, test)
    }
  }

  private func isUndefined(_ value: TemplateValue) -> Bool {
    if case .undefined = value { return true }
    return false
  }

  /// Python's `is`. Values have no identity here; equal ones of one type count as the same, except that lists and
  /// mappings would need one.
  private func isSame(_ left: TemplateValue, _ right: TemplateValue) -> Bool {
    switch (left, right) {
    case (.undefined, .undefined): false
    default: left == right
    }
  }

  private func hasType(_ value: TemplateValue, _ test: Test) -> Bool {
    switch (test, value) {
    case (.boolean, .bool), (.integer, .int), (.float, .double), (.string, .string), (.mapping, .object): return true
    case (.number, .int), (.number, .double), (.number, .bool): return true
    case (.sequence, .string), (.sequence, .array), (.sequence, .tuple), (.sequence, .object), (.sequence, .undefined):
      return true
    case (.iterable, .string), (.iterable, .array), (.iterable, .tuple), (.iterable, .object), (.iterable, .undefined):
      return true
    case (.callable, .undefined): return true
    case (_, .reference(let reference)): return hasType(stored(reference), test)
    default: return false
    }
  }

  private func hasType(_ object: StoredObject, _ test: Test) -> Bool {
    switch (test, object) {
    case (.sequence, .range): true
    case (.iterable, .range), (.iterable, .view), (.iterable, .generator), (.iterable, .loop): true
    case (.callable, .macro), (.callable, .method), (.callable, .function), (.callable, .joiner), (.callable, .loop):
      true
    default: false
    }
  }
}

extension Test {
  fileprivate var relation: Relation? {
    switch self {
    case .eq, .equalto, .equal: .equal
    case .ne, .notEqual: .notEqual
    case .gt, .greaterthan, .greater: .greater
    case .ge, .greaterOrEqual: .greaterOrEqual
    case .lt, .lessthan, .less: .less
    case .le, .lessOrEqual: .lessOrEqual
    case .in: .isIn
    default: nil
    }
  }
}
