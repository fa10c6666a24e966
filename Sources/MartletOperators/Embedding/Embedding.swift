package import MartletRuntime
package import MartletTensor

/// Looks up rows of a table: `out[i] = table[ids[i]]`.
///
/// Shapes: ids `[tokens]` of i64 or i32, contiguous; table `[vocabulary, width]`; out `[tokens, width]` of f32, f16 or
/// bf16. A table of another plain type is rounded to out's type, a quantised one dequantised.
/// - Precondition: at run time every id lies within the vocabulary. Ids from users are checked where they come in.
package struct Embedding: Operator {
  let ids: Tensor
  let table: Rows
  let out: Rows

  package init(_ ids: Tensor, table: Tensor, into out: Tensor) throws(OperatorError) {
    let check = Checker("Embedding")
    try check.dtype(ids, .i64, .i32, argument: "ids")
    try check.dimensions(ids, 1, "ids")
    try check.contiguous(ids, "ids")
    try check.dimensions(table, 2, "table")
    try check.numbers(table, "table")
    try check.floatingPoint(out, "out")
    try check.shape(out, [ids.shape[0], table.shape[1]], "out")
    try check.devices(ids, table, out: out)
    self.ids = ids
    self.table = try check.rows(table, "table")
    self.out = try check.rows(out, "out")
  }

  package func run(on stream: Stream) throws(RuntimeError) {
    switch stream.device.kind {
    case .cpu: try runOnCPU(stream)
    case .cuda, .metax: try runOnGPU(stream)
    }
  }
}
