extension Interpreter {
  func executeLoop(_ loop: Loop) throws(TemplateError) {
    let sequence = try evaluate(loop.sequence)
    if loop.isRecursive {
      // The body of a recursive loop is called like a macro, whose text is its result.
      try write(try runRecursively(loop, over: sequence, scope: scope, depth0: 0))
    } else {
      try run(loop, over: sequence, scope: scope, depth0: 0)
    }
  }

  func runRecursively(
    _ loop: Loop, over sequence: TemplateValue, scope outer: Scope?, depth0: Int
  ) throws(TemplateError) -> String {
    try withCall { () throws(TemplateError) in
      try capture { () throws(TemplateError) in
        let saved = scope
        scope = outer
        defer { scope = saved }
        try run(loop, over: sequence, scope: outer, depth0: depth0)
        return .normal
      }.text
    }
  }

  /// Counts a call while `body` runs, so that endless recursion ends in an error.
  func withCall<Result>(_ body: () throws(TemplateError) -> Result) throws(TemplateError) -> Result {
    guard callDepth < limits.callDepth else {
      throw TemplateError(.limit, "more than \(limits.callDepth) calls of macros are open")
    }
    callDepth += 1
    defer { callDepth -= 1 }
    try stack.check()
    return try body()
  }

  private func run(
    _ loop: Loop, over sequence: TemplateValue, scope outer: Scope?, depth0: Int
  ) throws(TemplateError) {
    let generator = self.generator(of: sequence)
    let start = generator?.position ?? 0
    let closure = outer ?? Scope(parent: nil)
    let state = LoopState(source: try items(of: sequence), loop: loop, scope: closure, depth0: depth0)
    let loopSymbol = program.symbolIndex["loop"]
    let handle = loopSymbol == nil ? TemplateValue.null : store(.loop(state))
    var inner = Scope(parent: outer)
    defer { scope = outer }
    var hasCompleted = false
    while let item = try advance(state) {
      try spend()
      if inner.isCaptured { inner = Scope(parent: outer) } else { inner.removeAll() }
      scope = inner
      if let loopSymbol { inner.set(loopSymbol, handle) }
      try assign(loop.target, item)
      let flow = try execute(loop.body)
      if flow == .normal { hasCompleted = true }
      if flow == .breaking {
        // What the loop did not take is still there for the next one.
        generator?.position = start + state.next
        break
      }
    }
    scope = outer
    // In Jinja2 the body has to reach its end once: a loop that only breaks or continues runs its 'else' too.
    if !hasCompleted {
      _ = try withScope(inside: outer) { () throws(TemplateError) in try execute(loop.otherwise) }
    }
  }

  // MARK: The state that `loop` shows

  /// The next item that passes the loop's `if`. The condition is evaluated only when an item is asked for, for the body
  /// may change what it depends on.
  private func fetch(_ state: LoopState) throws(TemplateError) -> TemplateValue? {
    while state.next < state.source.count {
      let item = state.source[state.next]
      state.next += 1
      guard let (loop, outer) = state.test, let test = loop.test else { return item }
      let passes = try withScope(inside: outer) { () throws(TemplateError) in
        try spend()
        try assign(loop.target, item)
        return try isTrue(try evaluate(test))
      }
      if passes { return item }
    }
    return nil
  }

  private func advance(_ state: LoopState) throws(TemplateError) -> TemplateValue? {
    let item: TemplateValue?
    if let ahead = state.lookahead {
      item = ahead
      state.lookahead = nil
    } else {
      item = try fetch(state)
    }
    guard let item else { return nil }
    state.index0 += 1
    state.previous = state.current
    state.current = item
    return item
  }

  private func peek(_ state: LoopState) throws(TemplateError) -> TemplateValue? {
    if state.lookahead == nil { state.lookahead = try fetch(state) }
    return state.lookahead
  }

  func length(of state: LoopState) throws(TemplateError) -> Int {
    if let length = state.length { return length }
    var rest: [TemplateValue] = []
    while let item = try fetch(state) { rest.append(item) }
    let length = rest.count + state.index0 + 1 + (state.lookahead == nil ? 0 : 1)
    state.replaceRemaining(by: rest)
    state.length = length
    return length
  }

  /// An attribute of `loop`; nil when it has none of that name.
  func attribute(_ name: String, of state: LoopState) throws(TemplateError) -> TemplateValue? {
    switch name {
    case "index0": return .int(state.index0)
    case "index": return .int(state.index0 + 1)
    case "first": return .bool(state.index0 == 0)
    case "last": return .bool(try peek(state) == nil)
    case "length": return .int(try length(of: state))
    case "revindex": return .int(try length(of: state) - state.index0)
    case "revindex0": return .int(try length(of: state) - state.index0 - 1)
    case "depth0": return .int(state.depth0)
    case "depth": return .int(state.depth0 + 1)
    case "previtem": return state.previous ?? .missing(hint: "there is no previous item")
    case "nextitem": return try peek(state) ?? .missing(hint: "there is no next item")
    default: return nil
    }
  }

  /// Calls `loop.cycle(…)` or `loop.changed(…)`; nil for another name.
  func callLoopMethod(
    _ name: String, _ state: LoopState, _ arguments: Arguments
  ) throws(TemplateError) -> TemplateValue? {
    switch name {
    case "cycle":
      let items = try arguments.onlyPositional("cycle")
      guard !items.isEmpty else { throw TemplateError(.type, "no items for cycling given") }
      return items[max(state.index0, 0) % items.count]
    case "changed":
      let values = try arguments.onlyPositional("changed")
      let isSame = state.lastChanged.map { areEqual(.tuple($0), .tuple(values)) } ?? false
      state.lastChanged = values
      return .bool(!isSame)
    default: return nil
    }
  }
}
