internal import MartletOperators
package import MartletRuntime
internal import MartletTensor

/// Called before each operator of a step, on the thread that computes it, with the operator's place in the step and the
/// step's token ids. The operator throws what it returns, if anything.
package typealias OperatorWatch = @Sendable (_ index: Int, _ tokens: [Int32]) -> RuntimeError?

/// An operator of the processor that somebody watches.
struct WatchedOperator: Operator {
  let base: any Operator
  let index: Int
  /// The ids of the step, i32 `[tokens]`.
  let tokens: Tensor
  let watch: OperatorWatch

  func run(on stream: Stream) throws(RuntimeError) {
    let ids = UnsafeBufferPointer(start: tokens.pointer(as: Int32.self), count: tokens.elementCount)
    if let error = watch(index, Array(ids)) { throw error }
    try base.run(on: stream)
  }
}
