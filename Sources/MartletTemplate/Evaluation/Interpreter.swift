/// One rendering of a template: a walk over its tree.
final class Interpreter {
  /// How deeply lists and mappings may nest, which bounds every recursion over a value.
  static let valueNestingLimit = 160

  let program: Program
  let limits: TemplateLimits
  let now: () -> TemplateDate
  let stack: StackGuard

  var output = ""
  /// Where the innermost variables live; nil at the top level, whose variables are in `globals`.
  var scope: Scope?
  /// Variables of the top level by symbol.
  var globals: [TemplateValue?]
  var objects: [StoredObject] = []
  var remainingSteps: Int
  var callDepth = 0

  init(
    program: Program, variables: [String: TemplateValue], limits: TemplateLimits, now: @escaping () -> TemplateDate
  ) throws(TemplateError) {
    self.program = program
    self.limits = limits
    self.now = now
    stack = StackGuard(bytes: limits.stackBytes)
    remainingSteps = limits.steps
    globals = Array(repeating: nil, count: program.symbols.count)
    for (symbol, name) in program.symbols.enumerated() {
      if let value = variables[name] {
        try checkNesting(value)
        globals[symbol] = value
      } else if let function = Function(rawValue: name) {
        globals[symbol] = store(.function(function))
      }
    }
  }

  func run() throws(TemplateError) -> String {
    _ = try execute(program.body)
    return output
  }

  // MARK: Limits

  @inline(__always)
  func spend(_ steps: Int = 1) throws(TemplateError) {
    remainingSteps -= steps
    if remainingSteps < 0 { throw TemplateError(.limit, "the template takes more than \(limits.steps) steps") }
  }

  /// Refuses a text that is too long.
  func checkLength(_ bytes: Int) throws(TemplateError) {
    guard bytes <= limits.textBytes else {
      throw TemplateError(.limit, "the template makes a text of more than \(limits.textBytes) bytes")
    }
  }

  /// Accounts for handling a text of `bytes` bytes and refuses one that is too long.
  func spend(textBytes bytes: Int) throws(TemplateError) {
    try checkLength(bytes)
    try spend(max(bytes, 0) >> 6)
  }

  /// Accounts for handling `count` elements and refuses a sequence that is too long.
  func spend(elements count: Int) throws(TemplateError) {
    guard count <= limits.elements else {
      throw TemplateError(.limit, "the template makes a sequence of more than \(limits.elements) elements")
    }
    try spend(max(count, 0) >> 2)
  }

  func checkNesting(_ value: TemplateValue) throws(TemplateError) {
    guard value.nesting(limit: Interpreter.valueNestingLimit) <= Interpreter.valueNestingLimit else {
      throw TemplateError(.limit, "lists and mappings nest more than \(Interpreter.valueNestingLimit) levels deep")
    }
  }

  // MARK: Values

  func store(_ object: StoredObject) -> TemplateValue {
    objects.append(object)
    return .reference(TemplateReference(index: objects.count - 1))
  }

  func generator(_ items: [TemplateValue]) throws(TemplateError) -> TemplateValue {
    try spend(elements: items.count)
    return store(.generator(Generator(items)))
  }

  /// A list of items that may be containers themselves.
  func array(_ items: [TemplateValue]) throws(TemplateError) -> TemplateValue {
    try spend(elements: items.count)
    let value = TemplateValue.array(items)
    try checkNesting(value)
    return value
  }

  func tuple(_ items: [TemplateValue]) throws(TemplateError) -> TemplateValue {
    let value = TemplateValue.tuple(items)
    try checkNesting(value)
    return value
  }

  func object(_ object: TemplateObject) throws(TemplateError) -> TemplateValue {
    try spend(elements: object.count)
    let value = TemplateValue.object(object)
    try checkNesting(value)
    return value
  }

  func key(_ value: TemplateValue) throws(TemplateError) -> ObjectKey {
    guard let key = ObjectKey(value) else {
      throw TemplateError(.type, "a '\(typeName(of: value))' cannot be a key")
    }
    return key
  }

  func lookUp(_ symbol: Int) -> TemplateValue {
    if let value = scope?.find(symbol) ?? globals[symbol] { return value }
    return .undefined(TemplateUndefined(name: program.symbols[symbol], origin: .variable))
  }

  func assign(_ symbol: Int, _ value: TemplateValue) {
    if let scope { scope.set(symbol, value) } else { globals[symbol] = value }
  }

  /// Runs `body` with variables of its own inside `parent`.
  func withScope<Result>(
    inside parent: Scope?, _ body: () throws(TemplateError) -> Result
  ) throws(TemplateError) -> Result {
    let outer = scope
    scope = Scope(parent: parent)
    defer { scope = outer }
    return try body()
  }

  /// Runs `body` and returns what it writes instead of adding it to the output.
  func capture(_ body: () throws(TemplateError) -> Flow) throws(TemplateError) -> (text: String, flow: Flow) {
    let outer = output
    output = ""
    defer { output = outer }
    let flow = try body()
    return (output, flow)
  }

  func write(_ text: String) throws(TemplateError) {
    output += text
    try spend(textBytes: text.utf8.count)
    try checkLength(output.utf8.count)
  }
}

/// How a body ended.
enum Flow { case normal, breaking, continuing }
