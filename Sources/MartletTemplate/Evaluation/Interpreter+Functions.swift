extension Interpreter {
  func call(_ callee: TemplateValue, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
    if case .undefined(let missing) = callee { throw missing.error }
    guard case .reference(let reference) = callee else {
      throw TemplateError(.type, "a '\(typeName(of: callee))' cannot be called")
    }
    switch stored(reference) {
    case .macro(let macro, let scope): return .string(try call(macro, scope, arguments))
    case .function(let function): return try call(function, arguments)
    case .method(let receiver, let name): return try callMethod(name, receiver, arguments)
    case .loop(let state): return .string(try recurse(state, arguments))
    case .joiner(let separator, let isUsed):
      try arguments.none("joiner")
      objects[reference.index] = .joiner(separator: separator, isUsed: true)
      return .string(isUsed ? separator : "")
    default: throw TemplateError(.type, "a '\(typeName(of: callee))' cannot be called")
    }
  }

  private func recurse(_ state: LoopState, _ arguments: Arguments) throws(TemplateError) -> String {
    guard let (loop, scope) = state.recursion else {
      throw TemplateError(.type, "only a loop marked 'recursive' can be called")
    }
    let sequence = try arguments.bound("loop", "iterable")[0].required("iterable")
    return try runRecursively(loop, over: sequence, scope: scope, depth0: state.depth0 + 1)
  }

  // MARK: Macros

  private func call(_ macro: Macro, _ scope: Scope, _ arguments: Arguments) throws(TemplateError) -> String {
    try withCall { () throws(TemplateError) in
      try withScope(inside: scope) { () throws(TemplateError) in
        try bind(macro, arguments)
        return try capture { () throws(TemplateError) in try execute(macro.body) }.text
      }
    }
  }

  private func bind(_ macro: Macro, _ arguments: Arguments) throws(TemplateError) {
    var named = arguments.keyword
    func take(_ name: String) -> TemplateValue? {
      named.firstIndex { $0.name == name }.map { named.remove(at: $0).value }
    }
    var missing: [Macro.Parameter] = []
    for (position, parameter) in macro.parameters.enumerated() {
      if position < arguments.positional.count {
        assign(parameter.symbol, arguments.positional[position])
      } else if let value = take(parameter.name) {
        assign(parameter.symbol, value)
      } else {
        missing.append(parameter)
      }
    }
    // Defaults may use the parameters before them.
    for parameter in missing {
      let unset = TemplateValue.missing(hint: "the parameter '\(parameter.name)' was not given")
      assign(
        parameter.symbol, try parameter.fallback.map { (value) throws(TemplateError) in try evaluate(value) } ?? unset)
    }
    if let symbol = macro.callerSymbol {
      assign(symbol, take("caller") ?? .missing(hint: "there is no caller: the macro was not called by a call block"))
    }
    let surplus = arguments.positional.dropFirst(macro.parameters.count)
    if let symbol = macro.keywordsSymbol {
      assign(symbol, .object(TemplateObject(named.map { (key: $0.name, value: $0.value) })))
    } else if let first = named.first {
      throw TemplateError(.type, "the macro '\(macro.name)' has no parameter '\(first.name)'")
    }
    if let symbol = macro.positionalsSymbol {
      assign(symbol, .tuple(Array(surplus)))
    } else if !surplus.isEmpty {
      throw TemplateError(.type, "the macro '\(macro.name)' takes at most \(macro.parameters.count) arguments")
    }
  }

  // MARK: Functions

  private func call(_ function: Function, _ arguments: Arguments) throws(TemplateError) -> TemplateValue {
    switch function {
    case .range: return try makeRange(arguments)
    case .dict: return .object(try makeObject(arguments))
    case .namespace:
      let members = try makeObject(arguments)
      for entry in members.entries {
        if case .string(let name) = entry.key { try checkNamespaceName(name) }
      }
      return store(.namespace(members))
    case .cycler:
      let items = try arguments.onlyPositional("cycler")
      guard !items.isEmpty else { throw TemplateError(.type, "a cycler needs at least one item") }
      return store(.cycler(items: items, position: 0))
    case .joiner:
      let separator = try arguments.bound("joiner", "sep")[0] ?? .string(", ")
      return store(.joiner(separator: try text(of: separator), isUsed: false))
    case .raiseException:
      let message = try arguments.bound("raise_exception", "message")[0].required("message")
      throw TemplateError(.raised, try text(of: message))
    case .strftimeNow:
      let format = try arguments.bound("strftime_now", "format")[0].text("format")
      try spend(textBytes: format.utf8.count)
      return .string(now().formatted(format))
    }
  }

  private func makeRange(_ arguments: Arguments) throws(TemplateError) -> TemplateValue {
    let bounds = try arguments.onlyPositional("range")
    guard (1...3).contains(bounds.count) else { throw TemplateError(.type, "'range' takes one to three numbers") }
    var numbers: [Int] = []
    for bound in bounds { numbers.append(try Optional(bound).whole("range")) }
    return store(
      .range(
        try NumberRange(
          start: numbers.count > 1 ? numbers[0] : 0, stop: numbers.count > 1 ? numbers[1] : numbers[0],
          step: numbers.count > 2 ? numbers[2] : 1)))
  }

  private func makeObject(_ arguments: Arguments) throws(TemplateError) -> TemplateObject {
    guard arguments.positional.count <= 1 else { throw TemplateError(.type, "'dict' takes one mapping") }
    var result = TemplateObject()
    switch arguments.positional.first {
    case nil: break
    case .some(.object(let object)): result = object
    case .some(let pairs):
      for pair in try items(of: pairs) {
        let parts = try items(of: pair)
        guard parts.count == 2 else { throw TemplateError(.value, "'dict' takes pairs of a key and a value") }
        result.set(try key(parts[0]), parts[0], parts[1])
      }
    }
    for (name, value) in arguments.keyword { result[name] = value }
    _ = try object(result)
    return result
  }
}
