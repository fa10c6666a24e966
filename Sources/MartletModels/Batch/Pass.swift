internal import MartletOperators
package import MartletRuntime
package import MartletTensor

/// A decoder at work: the stream that its steps go to, the cache that they read and write, and what was prepared for
/// steps of shapes that come again.
///
/// The runner makes one; nothing below looks anything up elsewhere.
package struct Pass {
  /// What the operators of a step are, made once for all batches of a shape.
  private struct Plan {
    let input: DeviceBatch
    let operators: [any Operator]
    let logits: Tensor?
    /// The operators as a GPU launches them at once, and where the working memory was when they were recorded.
    var recording: (graph: Graph, generation: Int)?
    /// Whether the step has run before, so that nothing is loaded or allocated by running it again.
    var hasRun = false
  }

  /// Generation repeats a few shapes; prompts come in any length.
  private static let mostPlans = 8

  /// The most tokens that a step should hold: so many that a device is full, so few that others wait little for it.
  package static func stepTokens(on device: Device) -> Int {
    switch device.kind {
    case .cpu: 512
    case .cuda: 2048
    }
  }

  package let stream: Stream
  private let decoder: Decoder
  private let cache: KVCache
  private var arena: Arena
  private var plans: [BatchShape: Plan] = [:]
  /// Where the logits of a GPU's step go: pinned memory of the host.
  private var hostLogits: Storage?
  /// Where the largest logits of a step's rows go.
  private var choice: (index: Tensor, value: Tensor)?

  package init(_ decoder: Decoder, cache: KVCache, on stream: Stream) throws(RuntimeError) {
    self.decoder = decoder
    self.cache = cache
    self.stream = stream
    arena = try Arena(runtime: stream.runtime)
  }

  /// Computes a step: writes keys and values to the cache, and returns the logits of the batch's `logitRows` as f32
  /// `[logitRows, vocabulary]` in host memory, or nil if there are none. They hold until the next step.
  package mutating func forward(_ batch: Batch) throws -> Tensor? {
    let logits = try run(batch)
    guard let logits, stream.device.kind != .cpu else { return logits }
    return try hostCopy(of: logits)
  }

  /// Computes a step as ``forward(_:)`` does, and returns the token with the largest logit of each of the batch's
  /// `logitRows`: only these leave the device.
  package mutating func mostProbable(_ batch: Batch) throws -> [Int32] {
    guard let logits = try run(batch) else { return [] }
    let rows = logits.shape[0]
    if choice?.index.shape != [rows] {
      choice = (try Tensor([rows], .i32, on: stream.runtime), try Tensor([rows], .f32, on: stream.runtime))
    }
    guard let (index, value) = choice else { return [] }
    try Argmax(logits, index: index, value: value).run(on: stream)
    try stream.synchronize()
    return try index.hostBytes().withUnsafeBytes { Array($0.bindMemory(to: Int32.self)) }
  }

  /// Puts a step on the stream; returns where its logits will be, in device memory.
  private mutating func run(_ batch: Batch) throws -> Tensor? {
    let shape = BatchShape(batch)
    var plan = try plan(shape)
    try plan.input.load(batch, on: stream.runtime)
    if stream.device.kind != .cpu, plan.hasRun {
      if plan.recording?.generation != stream.scratchGeneration {
        let graph = try Graph(on: stream) { for step in plan.operators { try step.run(on: stream) } }
        plan.recording = (graph, stream.scratchGeneration)
        plans[shape] = plan
      }
      try plan.recording?.graph.launch(on: stream)
    } else {
      for step in plan.operators { try step.run(on: stream) }
      plan.hasRun = true
      plans[shape] = plan
    }
    return plan.logits
  }

  /// Waits for the step and brings its logits to the host.
  private mutating func hostCopy(of logits: Tensor) throws -> Tensor {
    let runtime = stream.runtime
    let storage: Storage
    if let known = hostLogits, known.byteCount >= logits.byteCount {
      storage = known
    } else {
      let buffer = try HostBuffer(byteCount: logits.byteCount, for: runtime)
      storage = Storage(borrowing: UnsafeRawBufferPointer(buffer.bytes), owner: buffer, isWritable: true)
      hostLogits = storage
    }
    try runtime.api.setDevice(runtime.device.index)
    try runtime.api.copyAsync(
      to: storage.pointer, from: logits.pointer, bytes: logits.byteCount, kind: .deviceToHost, stream: stream.handle)
    try stream.synchronize()
    return try Tensor(storage: storage, dtype: logits.dtype, layout: Layout(contiguous: logits.shape))
  }

  private mutating func plan(_ shape: BatchShape) throws -> Plan {
    if let plan = plans[shape] { return plan }
    if plans.count >= Self.mostPlans { try forgetPlans() }
    var plan = try makePlan(shape)
    if arena.isTooSmall {
      // The larger arena serves all plans, so those that hold the smaller one go.
      try forgetPlans()
      plan = try makePlan(shape)
    }
    plans[shape] = plan
    return plan
  }

  /// What a plan has recorded, and the memory that it works in, must not go while it is at work.
  private mutating func forgetPlans() throws(RuntimeError) {
    try stream.synchronize()
    plans.removeAll()
  }

  /// Plans are never at work at once, so each has the arena from its beginning.
  private mutating func makePlan(_ shape: BatchShape) throws -> Plan {
    try arena.reset()
    let input = try DeviceBatch(shape, arena: &arena)
    let (operators, logits) = try decoder.operators(shape, input, cache: cache, arena: &arena)
    return Plan(input: input, operators: operators, logits: logits)
  }
}
