internal import Synchronization

/// Generates tokens for many requests at once.
///
/// What is known of the requests is an `EngineState` behind a lock. The model runs in a `StepWorker` on a thread of its
/// own, which takes the lock for a moment between steps, to hand in what was sampled and to fetch the next step: requests
/// come and go while a step computes, and the model waits for no other thread. What a step brought is told to its readers
/// by a task, while the next step computes, since waking many readers takes longer than deciding what to compute.
/// The worker runs as long as there is work: an idle engine costs nothing.
package final class Engine: Sendable {
  /// The engine's state at a moment.
  package struct Status: Sendable, Hashable {
    package let waitingCount: Int
    package let runningCount: Int
    package let freeBlockCount: Int
    package let blockCount: Int
    package let preemptionCount: Int
    package let stepCount: Int
    /// Time that steps took the model.
    package let computeTime: Duration
    /// Time that the model waited between steps while there was work: for what was sampled to be taken in, and for
    /// the next step to be made.
    package let hostTime: Duration
  }

  /// What the model, its cache and the operator allow.
  package let limits: EngineLimits
  private let state: Mutex<EngineState>
  private let worker: StepWorker
  private let news: AsyncStream<[News]>.Continuation

  /// An engine that computes with `runner`, which nobody else may use from now on.
  package init(runner: sending any StepRunner, limits: EngineLimits, reporting: Reporting = Reporting()) {
    self.limits = limits
    let (stream, continuation) = AsyncStream.makeStream(of: [News].self)
    news = continuation
    state = Mutex(EngineState(limits: limits, news: continuation, reportInterval: reporting.interval))
    worker = StepWorker(runner: runner, vocabularySize: limits.vocabularySize)
    Task(executorPreference: reporting.executor) {
      for await batch in stream {
        for news in batch { news.tell() }
      }
    }
  }

  deinit {
    worker.stop()
    news.finish()
  }

  package var status: Status { state.withLock { $0.status } }

  /// Queues a request and returns the stream of its tokens. The stream ends after `.finished`, or by throwing a
  /// `SamplingError`, an `EngineError`, or after `shutdown()` a `CancellationError`. Cancelling the consuming task, which
  /// ends its stream without `.finished`, or dropping the stream takes the sequence out of the next step and frees its
  /// blocks. A request that cannot be honoured is refused here.
  package func submit(_ request: Request) throws(RequestError) -> TokenStream { try submit([request])[0] }

  /// Queues several requests, or none of them if one cannot be honoured; see ``submit(_:)``.
  package func submit(_ requests: [Request]) throws(RequestError) -> [TokenStream] {
    for request in requests { try request.validate(for: limits) }
    return try state.withLock { state throws(RequestError) in
      let streams = try state.submit(requests)
      if state.loop == nil, !streams.isEmpty {
        // Straight onto the worker's thread: a task of the pool would first have to be given one of the pool's threads.
        state.loop = Task(executorPreference: worker.thread) { await self.worker.runSteps(of: self) }
      }
      return streams
    }
  }

  /// Ends a request as if the model had ended it, with a summary: its consumer has found a stop string in the text.
  package func stop(_ id: SequenceID) { state.withLock { $0.stop(id) } }

  /// Ends all requests with a `CancellationError`, waits for the step that is being computed and refuses further requests.
  package func shutdown() async {
    let loop = state.withLock { state in
      state.shutDown()
      return state.loop
    }
    await loop?.value
  }

  // MARK: - For the worker

  /// The next step with a sampler for each row to choose a token from; nil where there is none to compute, and the worker
  /// is to be started again when there is.
  func nextStep() -> (Step, [StepWorker.Row])? {
    state.withLock { state in
      let work = state.nextStep()
      if work == nil { state.loop = nil }
      return work
    }
  }

  /// Takes in what a step brought. Where it failed and nobody is blamed for it, the entries to compute one by one.
  func complete(_ step: Step, _ output: StepWorker.Output) -> [Int]? {
    state.withLock { $0.complete(step, output) }
  }

  /// A step of one entry of a step that failed, with its sampler; nil if its request has gone.
  func retry(_ index: Int, of step: Step) -> (Step, [StepWorker.Row])? {
    state.withLock { $0.retry(index, of: step) }
  }

  /// Takes in what such a step brought.
  func completeRetry(_ step: Step, _ output: StepWorker.Output) { state.withLock { $0.completeRetry(step, output) } }

  /// Takes in what computing entries one by one brought.
  func completeRetries(_ step: Step, _ output: StepWorker.Output) { state.withLock { $0.deliver(step, output) } }
}

/// What one reader is to be told.
struct News: Sendable {
  enum What: Sendable {
    case event(TokenEvent)
    /// No event follows.
    case end((any Error)?)
  }

  let continuation: AsyncThrowingStream<TokenEvent, any Error>.Continuation
  let what: What

  func tell() {
    switch what {
    case .event(let event): continuation.yield(event)
    case .end(let error): continuation.finish(throwing: error)
    }
  }
}
