/// A short list of integers, stored in place: the extents or strides of a tensor, or an order of its dimensions.
///
/// Tensors are made and sliced in every step, so their shapes must not allocate.
public struct Dimensions: Sendable {
  /// The most dimensions that a tensor can have.
  public static let capacity = 8

  @usableFromInline var elements = InlineArray<8, Int>(repeating: 0)
  /// How many there are.
  public internal(set) var count = 0

  /// No dimensions: the shape of a scalar.
  public init() {}

  /// - Precondition: at most ``capacity`` values; check sizes from outside before.
  public init(_ values: some Sequence<Int>) {
    for value in values { append(value) }
  }

  /// - Precondition: at most ``capacity`` values.
  public init(repeating value: Int, count: Int) {
    for _ in 0..<count { append(value) }
  }

  /// - Precondition: fewer than ``capacity`` values so far.
  public mutating func append(_ value: Int) {
    precondition(count < Self.capacity, "a tensor has at most \(Self.capacity) dimensions")
    elements[count] = value
    count += 1
  }

  /// The product of all values, or nil if a value is negative or the product of those that are not zero does not fit
  /// an `Int`: the strides of an empty tensor are such products too.
  public var checkedProduct: Int? {
    var product = 1
    var isEmpty = false
    for value in self {
      guard value >= 0 else { return nil }
      if value == 0 {
        isEmpty = true
        continue
      }
      let (next, overflow) = product.multipliedReportingOverflow(by: value)
      if overflow { return nil }
      product = next
    }
    return isEmpty ? 0 : product
  }
}

extension Dimensions: RandomAccessCollection, MutableCollection {
  /// Always zero.
  @inlinable public var startIndex: Int { 0 }
  /// ``count``.
  @inlinable public var endIndex: Int { count }

  /// A value by position; negative positions are errors, as in any collection.
  @inlinable public subscript(position: Int) -> Int {
    get {
      precondition(position >= 0 && position < count, "dimension \(position) of \(count)")
      return elements[position]
    }
    set {
      precondition(position >= 0 && position < count, "dimension \(position) of \(count)")
      elements[position] = newValue
    }
  }
}

extension Dimensions: ExpressibleByArrayLiteral {
  /// `[2, 3]`
  public init(arrayLiteral elements: Int...) { self.init(elements) }
}

extension Dimensions: Hashable {
  /// Equal counts and values.
  @inlinable public static func == (left: Dimensions, right: Dimensions) -> Bool {
    guard left.count == right.count else { return false }
    for index in 0..<left.count where left.elements[index] != right.elements[index] { return false }
    return true
  }

  /// Feeds count and values.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(count)
    for value in self { hasher.combine(value) }
  }
}

extension Dimensions: CustomStringConvertible {
  /// `[2, 3]`
  public var description: String { "[" + map(String.init).joined(separator: ", ") + "]" }
}

/// The extents of a tensor, outermost first.
public typealias Shape = Dimensions
