internal import MartletOperators
package import MartletRuntime
package import MartletTensor

/// One or more linear layers that read the same input and write neighbouring columns: queries, keys and values, or gate
/// and up.
///
/// Parts of one type are packed into one matrix. Files that keep single parts in more bits, as most K-quantised ones do,
/// give a matrix a type.
package struct Projection: Sendable {
  /// A matrix of one type, and the columns of the result that are its own.
  struct Part {
    let weight: PackedWeight
    let bias: Tensor?
    let columns: Range<Int>
  }

  let parts: [Part]

  /// Packs the parts, below one another in the order given.
  package init(_ parts: [(weight: Tensor, bias: Tensor?)], on stream: Stream) throws {
    var packed: [Part] = []
    var column = 0
    var rest = parts[...]
    while let first = rest.first {
      let group = rest.prefix { $0.weight.dtype == first.weight.dtype && ($0.bias == nil) == (first.bias == nil) }
      let weight = try PackedWeight(group.map(\.weight), on: stream)
      packed.append(
        Part(
          weight: weight, bias: try Self.joined(group.compactMap(\.bias), on: stream),
          columns: column..<column + weight.rows))
      column += weight.rows
      rest = rest.dropFirst(group.count)
    }
    self.parts = packed
  }

  /// Bytes of packed weights.
  package var byteCount: Int { parts.reduce(0) { $0 + $1.weight.byteCount } }
  /// Weights, biases left out.
  package var parameterCount: Int { parts.reduce(0) { $0 + $1.weight.rows * $1.weight.columns } }
  /// The type of the first part.
  package var dtype: DType { parts[0].weight.dtype }

  /// `out = x Wᵀ + bias`, an operator a part.
  /// - Parameter isBatchInvariant: see ``Linear``.
  func operators(_ x: Tensor, into out: Tensor, isBatchInvariant: Bool) throws -> [any Operator] {
    try parts.map { part in
      try Linear(
        x, weight: part.weight, bias: part.bias, into: parts.count == 1 ? out : out.slice(1, part.columns),
        isBatchInvariant: isBatchInvariant)
    }
  }

  /// Biases as one vector, of their type if all have one, else f32; nil for none.
  private static func joined(_ biases: [Tensor], on stream: Stream) throws -> Tensor? {
    guard let first = biases.first else { return nil }
    let dtype = biases.allSatisfy { $0.dtype == first.dtype } ? first.dtype : .f32
    let result = try Tensor([biases.reduce(0) { $0 + $1.elementCount }], dtype, on: stream.runtime)
    var start = 0
    for bias in biases {
      try Convert(bias, into: result.slice(0, start..<start + bias.elementCount)).run(on: stream)
      start += bias.elementCount
    }
    return result
  }
}
