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
    let step: StepOperators
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
    case .cuda, .metax: 2048
    }
  }

  package let stream: Stream
  private let decoder: Decoder
  private let cache: KVCache
  private var arena: Arena
  private var plans: [BatchShape: Plan] = [:]
  /// Where the results of a GPU's step go: pinned memory of the host.
  private var hostResults: Storage?
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
    guard let logits = try run(batch).logits else { return nil }
    guard stream.device.kind != .cpu else { return logits }
    return try hostCopy(of: logits)
  }

  /// Computes a step as ``forward(_:)`` does, and returns the largest logit of each of the batch's `logitRows` and its
  /// token, the first of equal ones; NaN counts as the largest. Only these leave the device.
  package mutating func mostProbable(_ batch: Batch) throws -> [(token: Int32, logit: Float)] {
    let step = try run(batch)
    guard let logits = step.logits else { return [] }
    if let choices = step.choices { return try hostCopy(of: choices) }
    let rows = logits.shape[0]
    if choice?.index.shape != [rows] {
      choice = (try Tensor([rows], .i32, on: stream.runtime), try Tensor([rows], .f32, on: stream.runtime))
    }
    guard let choice else { return [] }
    try Argmax(logits, index: choice.index, value: choice.value).run(on: stream)
    return try hostCopy(of: choice)
  }

  /// Computes a step as ``forward(_:)`` does, and returns the token that each of the batch's `logitRows` gets by its rule; -1
  /// where nothing can be chosen. Only these leave the device.
  package mutating func sample(_ batch: Batch) throws -> [Int32] {
    precondition(batch.rules.count == batch.logitRows.count, "one rule a row of logits")
    guard let sampled = try run(batch).sampled else { return [] }
    guard stream.device.kind != .cpu else { return try sampled.hostValues(on: stream.runtime).map { Int32($0) } }
    let memory = try hostMemory(bytes: sampled.byteCount)
    try copy(sampled, to: memory.pointer)
    try stream.synchronize()
    return Array(
      UnsafeBufferPointer(
        start: memory.pointer.assumingMemoryBound(to: Int32.self), count: sampled.elementCount))
  }

  /// Puts a step on the stream; returns where its results will be, in device memory.
  private mutating func run(_ batch: Batch) throws -> StepOperators {
    let shape = BatchShape(batch)
    var plan = try plan(shape)
    try plan.input.load(batch, on: stream.runtime)
    if stream.runtime.kernels?.description.canRecord == true, plan.hasRun {
      if plan.recording?.generation != stream.scratchGeneration {
        let graph = try Graph(on: stream) { for part in plan.step.operators { try part.run(on: stream) } }
        plan.recording = (graph, stream.scratchGeneration)
        plans[shape] = plan
      }
      try plan.recording?.graph.launch(on: stream)
    } else {
      for part in plan.step.operators { try part.run(on: stream) }
      plan.hasRun = true
      plans[shape] = plan
    }
    return plan.step
  }

  /// Waits for the step and brings its choices to the host.
  private mutating func hostCopy(of choices: (index: Tensor, value: Tensor)) throws -> [(token: Int32, logit: Float)] {
    guard stream.device.kind != .cpu else {
      let values = try choices.value.hostValues(on: stream.runtime)
      return zip(try choices.index.hostValues(on: stream.runtime), values).map { (Int32($0), Float($1)) }
    }
    let (count, bytes) = (choices.index.elementCount, choices.index.byteCount)
    let memory = try hostMemory(bytes: 2 * bytes)
    try copy(choices.index, to: memory.pointer)
    try copy(choices.value, to: memory.pointer + bytes)
    try stream.synchronize()
    let tokens = memory.pointer.assumingMemoryBound(to: Int32.self)
    let logits = (memory.pointer + bytes).assumingMemoryBound(to: Float.self)
    return (0..<count).map { (tokens[$0], logits[$0]) }
  }

  /// Waits for the step and brings its logits to the host.
  private mutating func hostCopy(of logits: Tensor) throws -> Tensor {
    let memory = try hostMemory(bytes: logits.byteCount)
    try copy(logits, to: memory.pointer)
    try stream.synchronize()
    return try Tensor(storage: memory, dtype: logits.dtype, layout: Layout(contiguous: logits.shape))
  }

  private func copy(_ tensor: Tensor, to host: UnsafeMutableRawPointer) throws(RuntimeError) {
    let runtime = stream.runtime
    try runtime.api.setDevice(runtime.device.index)
    try runtime.api.copyAsync(
      to: host, from: tensor.pointer, bytes: tensor.byteCount, kind: .deviceToHost, stream: stream.handle)
  }

  /// Pinned memory of the host, which holds until the next step.
  private mutating func hostMemory(bytes: Int) throws(RuntimeError) -> Storage {
    if let known = hostResults, known.byteCount >= bytes { return known }
    let buffer = try HostBuffer(byteCount: bytes, for: stream.runtime)
    let storage = Storage(borrowing: UnsafeRawBufferPointer(buffer.bytes), owner: buffer, isWritable: true)
    hostResults = storage
    return storage
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
    var step = try decoder.operators(shape, input, cache: cache, arena: &arena, on: stream.runtime)
    if let rules = input.rules, let logits = step.logits {
      let sampled = try arena.tensor([shape.logitRows], .i32)
      step.operators.append(try Sample(logits, rules: rules, into: sampled))
      step.sampled = sampled
    }
    return Plan(input: input, step: step)
  }
}
