import MartletOperators
import MartletTensor

/// A short chain of operators on tensors that stay where they are, to be recorded and replayed.
struct CapturedProblem {
  private let stage: CheckStage
  private let out: CheckTensor
  private let steps: [any Operator]

  init(_ stage: CheckStage) throws {
    self.stage = stage
    let (rows, width) = (3, 512)
    let x = try stage.numbers(Draws(80).numbers(rows * width), [rows, width], .bf16)
    let gain = try stage.numbers(Draws(81).numbers(width), [width], .bf16)
    let matrix = try stage.numbers(Draws(82).numbers(width * width, scale: 0.1), [width, width], .bf16)
    let (normed, product) = (try stage.output([rows, width], .bf16), try stage.output([rows, width], .bf16))
    out = try stage.output([rows, width], .bf16)
    steps = [
      try RMSNorm(x.tensor, weight: gain.tensor, epsilon: 1e-5, into: normed.tensor),
      try Linear(normed.tensor, weight: matrix.tensor, into: product.tensor),
      try Add(product.tensor, x.tensor, into: out.tensor),
    ]
  }

  func run() throws { for step in steps { try step.run(on: stage.stream) } }

  func results() throws -> [UInt8] { try out.tensor.hostBytes() }

  func clear() throws {
    try out.tensor.load(contentsOf: [UInt8](repeating: 0, count: out.tensor.byteCount), on: stage.runtime)
  }
}
