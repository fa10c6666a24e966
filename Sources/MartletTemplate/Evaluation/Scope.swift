/// The variables of one body. Bodies are small, so that a scan beats a table.
final class Scope {
  let parent: Scope?
  /// Whether a macro was defined here, which may use the variables after the body ended.
  var isCaptured = false
  private var symbols: [Int] = []
  private var values: [TemplateValue] = []

  init(parent: Scope?) { self.parent = parent }

  func set(_ symbol: Int, _ value: TemplateValue) {
    if let position = symbols.lastIndex(of: symbol) {
      values[position] = value
    } else {
      symbols.append(symbol)
      values.append(value)
    }
  }

  func find(_ symbol: Int) -> TemplateValue? {
    var scope: Scope? = self
    while let current = scope {
      if let position = current.symbols.lastIndex(of: symbol) { return current.values[position] }
      scope = current.parent
    }
    return nil
  }

  func removeAll() {
    symbols.removeAll(keepingCapacity: true)
    values.removeAll(keepingCapacity: true)
  }
}

/// What a ``TemplateReference`` refers to. The interpreter owns all of them and frees them together, so that
/// references from one to another, even in circles, keep nothing alive.
enum StoredObject {
  case namespace(TemplateObject)
  case macro(Macro, Scope)
  case loop(LoopState)
  /// The result of a filter such as `map`: its items can be taken once.
  case generator(Generator)
  case range(NumberRange)
  /// What `keys()`, `values()` and `items()` of a mapping return.
  case view(name: String, items: [TemplateValue])
  case cycler(items: [TemplateValue], position: Int)
  case joiner(separator: String, isUsed: Bool)
  case method(receiver: TemplateValue, name: String)
  case function(Function)
}

/// Functions that every template can call.
enum Function: String {
  case range, dict, namespace, cycler, joiner
  case raiseException = "raise_exception"
  case strftimeNow = "strftime_now"
}

/// Items that are handed out once.
final class Generator {
  var items: [TemplateValue]
  var position = 0

  init(_ items: [TemplateValue]) { self.items = items }
}

/// Python's `range`.
struct NumberRange: Equatable {
  let start: Int
  let stop: Int
  let step: Int
  let count: Int

  /// The sandbox of Jinja2 allows no more.
  static let limit = 100_000

  init(start: Int, stop: Int, step: Int) throws(TemplateError) {
    guard step != 0 else { throw TemplateError(.value, "the step of a range must not be 0") }
    let distance = step > 0 ? stop.subtractingReportingOverflow(start) : start.subtractingReportingOverflow(stop)
    let isEmpty = step > 0 ? stop <= start : stop >= start
    let size = isEmpty ? 0 : (distance.partialValue.magnitude - 1) / step.magnitude + 1
    guard isEmpty || !distance.overflow, size <= UInt(NumberRange.limit) else {
      throw TemplateError(.limit, "a range of more than \(NumberRange.limit) numbers")
    }
    (self.start, self.stop, self.step, count) = (start, stop, step, Int(size))
  }

  var items: [TemplateValue] { (0..<count).map { .int(start + $0 * step) } }

  /// A slice of a range, which is a range again.
  func sliced(_ bounds: Slice) throws(TemplateError) -> NumberRange {
    let (from, to, by) = try bounds.resolved(count: count)
    func number(at position: Int) -> (partialValue: Int, overflow: Bool) {
      let (offset, overflow) = position.multipliedReportingOverflow(by: step)
      return overflow ? (0, true) : start.addingReportingOverflow(offset)
    }
    let (first, last, newStep) = (number(at: from), number(at: to), by.multipliedReportingOverflow(by: step))
    guard !first.overflow, !last.overflow, !newStep.overflow else {
      throw TemplateError(.value, "the bounds of the sliced range do not fit 64 bits")
    }
    return try NumberRange(start: first.partialValue, stop: last.partialValue, step: newStep.partialValue)
  }
}

/// The state of a running `for`, which `loop` shows.
final class LoopState {
  var source: [TemplateValue]
  var next = 0
  /// The loop whose `if` the items still have to pass, and the variables around it; nil when none has to.
  private(set) var test: (loop: Loop, scope: Scope)?
  let recursion: (loop: Loop, scope: Scope)?
  let depth0: Int
  var index0 = -1
  var current: TemplateValue?
  var previous: TemplateValue?
  /// An item that was looked at before its turn.
  var lookahead: TemplateValue?
  var length: Int?
  var lastChanged: [TemplateValue]?

  init(source: [TemplateValue], loop: Loop, scope: Scope, depth0: Int) {
    self.source = source
    self.depth0 = depth0
    test = loop.test == nil ? nil : (loop, scope)
    recursion = loop.isRecursive ? (loop, scope) : nil
    if loop.test == nil { length = source.count }
  }

  /// Replaces the items that are still to come by those of them that passed the loop's `if`.
  func replaceRemaining(by passed: [TemplateValue]) {
    source = passed
    next = 0
    test = nil
  }
}
