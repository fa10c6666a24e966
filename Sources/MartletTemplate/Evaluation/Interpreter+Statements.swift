extension Interpreter {
  func execute(_ body: [Statement]) throws(TemplateError) -> Flow {
    for statement in body {
      do {
        try spend()
        try stack.check()
        let flow = try execute(statement.node)
        if flow != .normal { return flow }
      } catch {
        throw error.located(at: statement.line)
      }
    }
    return .normal
  }

  private func execute(_ node: Statement.Node) throws(TemplateError) -> Flow {
    switch node {
    case .data(let text): try write(text)
    case .output(let expression): try write(try text(of: try evaluate(expression)))
    case .set(let target, let value): try assign(target, try evaluate(value))
    case .setBlock(let target, let filters, let body): return try executeCapture(body, filters, into: target)
    case .conditional(let branches, let otherwise): return try executeConditional(branches, otherwise)
    case .loop(let loop): try executeLoop(loop)
    case .macro(let macro): assign(macro.symbol, makeMacro(macro))
    case .callBlock(let caller, let call): try executeCallBlock(caller, call)
    case .filterBlock(let filters, let body): return try executeCapture(body, filters, into: nil)
    case .with(let bindings, let body): return try executeWith(bindings, body)
    case .scope(let body): return try executeScope(body)
    case .autoescape(let condition, let body):
      guard try !isTrue(try evaluate(condition)) else {
        throw TemplateError(.value, "chat templates are not HTML: 'autoescape' cannot be turned on")
      }
      return try executeScope(body)
    case .block(let body, let scoped): return try executeNamedBlock(body, scoped: scoped)
    case .breakLoop: return .breaking
    case .continueLoop: return .continuing
    case .unavailable(let message): throw TemplateError(.value, message)
    }
    return .normal
  }

  private func executeScope(_ body: [Statement]) throws(TemplateError) -> Flow {
    try withScope(inside: scope) { () throws(TemplateError) in try execute(body) }
  }

  private func executeNamedBlock(_ body: [Statement], scoped: Bool) throws(TemplateError) -> Flow {
    try withScope(inside: scoped ? scope : nil) { () throws(TemplateError) in try execute(body) }
  }

  private func executeConditional(
    _ branches: [(condition: Expression, body: [Statement])], _ otherwise: [Statement]
  ) throws(TemplateError) -> Flow {
    for branch in branches where try isTrue(try evaluate(branch.condition)) { return try execute(branch.body) }
    return try execute(otherwise)
  }

  private func executeWith(
    _ bindings: [(target: Target, value: Expression)], _ body: [Statement]
  ) throws(TemplateError) -> Flow {
    var values: [TemplateValue] = []
    for binding in bindings { values.append(try evaluate(binding.value)) }
    return try withScope(inside: scope) { () throws(TemplateError) in
      for (binding, value) in zip(bindings, values) { try assign(binding.target, value) }
      return try execute(body)
    }
  }

  /// Runs a body whose text goes through filters into a variable, or into the output without a target.
  private func executeCapture(
    _ body: [Statement], _ filters: [FilterCall], into target: Target?
  ) throws(TemplateError) -> Flow {
    let (text, flow) = try capture { () throws(TemplateError) in try executeScope(body) }
    // Leaving the loop around abandons what was captured.
    if flow != .normal { return flow }
    var value = TemplateValue.string(text)
    for filter in filters { value = try apply(filter, to: value) }
    if let target { try assign(target, value) } else { try write(try self.text(of: value)) }
    return .normal
  }

  private func executeCallBlock(_ caller: Macro, _ call: Expression) throws(TemplateError) {
    guard case .call(let callee, let expressions) = call.node else { return }
    var arguments = try evaluate(expressions)
    guard arguments.keyword.allSatisfy({ $0.name != "caller" }) else {
      throw TemplateError(.type, "a call block passes 'caller' itself")
    }
    arguments.keyword.append(("caller", makeMacro(caller)))
    try write(try text(of: try self.call(callee, arguments)))
  }

  func makeMacro(_ macro: Macro) -> TemplateValue {
    var captured = scope
    while let current = captured, !current.isCaptured {
      current.isCaptured = true
      captured = current.parent
    }
    return store(.macro(macro, scope ?? Scope(parent: nil)))
  }

  // MARK: Assignment

  func assign(_ target: Target, _ value: TemplateValue) throws(TemplateError) {
    switch target {
    case .variable(let symbol): assign(symbol, value)
    case .member(let symbol, let name): try assignMember(lookUp(symbol), name, value)
    case .tuple(let targets):
      let items = try self.items(of: value)
      guard items.count == targets.count else {
        throw TemplateError(.value, "\(items.count) values cannot be assigned to \(targets.count) names")
      }
      for (target, item) in zip(targets, items) { try assign(target, item) }
    }
  }

  private func assignMember(_ object: TemplateValue, _ name: String, _ value: TemplateValue) throws(TemplateError) {
    guard case .reference(let reference) = object, case .namespace(var members) = objects[reference.index] else {
      throw TemplateError(.type, "only a namespace has attributes that can be set, not a '\(typeName(of: object))'")
    }
    try checkNamespaceName(name)
    members[name] = value
    objects[reference.index] = .namespace(members)
  }

  func checkNamespaceName(_ name: String) throws(TemplateError) {
    if name.utf8.first == UInt8(ascii: "_") {
      throw TemplateError(.security, "an attribute of a namespace must not begin with '_': '\(name)'")
    }
  }
}
