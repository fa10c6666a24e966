extension TemplateValue {
  /// The name of the type in messages: Python's, since templates are written with those in mind.
  var typeName: String {
    switch self {
    case .undefined: "Undefined"
    case .null: "NoneType"
    case .bool: "bool"
    case .int: "int"
    case .double: "float"
    case .string: "str"
    case .array: "list"
    case .tuple: "tuple"
    case .object: "dict"
    case .reference: "object"
    }
  }

  /// A truth value or whole number as a number; Python counts `true` as 1.
  var wholeNumber: Int? {
    switch self {
    case .int(let number): number
    case .bool(let flag): flag ? 1 : 0
    default: nil
    }
  }

  /// Any number as a floating-point one.
  var floatNumber: Double? {
    if case .double(let number) = self { return number }
    return wholeNumber.map(Double.init)
  }
}

/// Python's `==` for data. References are equal when they are the same; the interpreter knows the exceptions.
func looselyEqual(_ left: TemplateValue, _ right: TemplateValue) -> Bool {
  switch (left, right) {
  case (.undefined, .undefined), (.null, .null): return true
  case (.string(let a), .string(let b)): return sameText(a, b)
  case (.array(let a), .array(let b)), (.tuple(let a), .tuple(let b)):
    return a.count == b.count && zip(a, b).allSatisfy { looselyEqual($0, $1) }
  case (.object(let a), .object(let b)):
    return a.count == b.count
      && a.entries.allSatisfy { entry in
        guard let key = ObjectKey(entry.key), let other = b.value(of: key) else { return false }
        return looselyEqual(entry.value, other)
      }
  case (.reference(let a), .reference(let b)): return a == b
  default: return numericOrder(left, right) == .equal
  }
}

/// The outcome of comparing two numbers; nil of them when one is not a number or is NaN.
enum NumericOrder { case less, equal, greater }

/// Compares two numbers exactly, without rounding a whole number to a floating-point one.
func numericOrder(_ left: TemplateValue, _ right: TemplateValue) -> NumericOrder? {
  func order<T: Comparable>(_ a: T, _ b: T) -> NumericOrder? {
    a < b ? .less : a > b ? .greater : a == b ? .equal : nil
  }
  switch (left, right) {
  case (.double(let a), .double(let b)): return order(a, b)
  case (.double(let a), _):
    guard let b = right.wholeNumber else { return nil }
    return wholeOrder(b, a).map { $0 == .less ? .greater : $0 == .greater ? .less : .equal }
  case (_, .double(let b)):
    guard let a = left.wholeNumber else { return nil }
    return wholeOrder(a, b)
  default:
    guard let a = left.wholeNumber, let b = right.wholeNumber else { return nil }
    return order(a, b)
  }
}

private func wholeOrder(_ whole: Int, _ float: Double) -> NumericOrder? {
  if float.isNaN { return nil }
  if float >= 0x1p63 { return .less }
  if float < -0x1p63 { return .greater }
  let truncated = Int(float.rounded(.towardZero))
  if whole != truncated { return whole < truncated ? .less : .greater }
  let fraction = float - float.rounded(.towardZero)
  return fraction > 0 ? .less : fraction < 0 ? .greater : .equal
}

/// Python's `<`.
///
/// - Throws: ``TemplateError`` when the two types have no order.
func orderedBefore(_ left: TemplateValue, _ right: TemplateValue) throws(TemplateError) -> Bool {
  switch (left, right) {
  case (.string(let a), .string(let b)): return a.utf8.lexicographicallyPrecedes(b.utf8)
  case (.array(let a), .array(let b)), (.tuple(let a), .tuple(let b)):
    for (x, y) in zip(a, b) where !looselyEqual(x, y) { return try orderedBefore(x, y) }
    return a.count < b.count
  case (.undefined(let missing), _), (_, .undefined(let missing)): throw missing.error
  default:
    guard left.floatNumber != nil, right.floatNumber != nil else {
      throw TemplateError(.type, "'\(left.typeName)' and '\(right.typeName)' have no order")
    }
    return numericOrder(left, right) == .less
  }
}

/// A stable merge sort; the order may throw.
func stableSorted<Element>(
  _ items: [Element], by precedes: (Element, Element) throws(TemplateError) -> Bool
) throws(TemplateError) -> [Element] {
  guard items.count > 1 else { return items }
  let middle = items.count / 2
  let left = try stableSorted(Array(items[..<middle]), by: precedes)
  let right = try stableSorted(Array(items[middle...]), by: precedes)
  var merged: [Element] = []
  merged.reserveCapacity(items.count)
  var (i, j) = (0, 0)
  while i < left.count, j < right.count {
    if try precedes(right[j], left[i]) {
      merged.append(right[j])
      j += 1
    } else {
      merged.append(left[i])
      i += 1
    }
  }
  merged.append(contentsOf: left[i...])
  merged.append(contentsOf: right[j...])
  return merged
}
