package import CMartletKernels

/// Measures what a GPU can do at most: the rate at which it copies within its memory, bytes read and written counted, and the
/// rate of products whose operands stay in registers. Products of bf16 and bytes are those of the instructions that every
/// architecture has (`mma.sync`), which on Hopper reach about two thirds of the matrix units' rate.
package struct GPUProbe {
  /// Larger than any cache several times over.
  private static let copiedBytes = 1 << 30
  private static let attempts = 5
  private static let threads = 256
  private static let chains = 8
  private static let blocksPerProcessor = 4
  /// About 10 ms of work on a large card.
  private static let rounds = 20_000

  /// `martlet_gpu_probe` of `Probe.cu`.
  private struct Argument: BitwiseCopyable {
    var out: UnsafeMutableRawPointer
    var rounds: Int32
  }

  private let stream: Stream
  private let kernel: String
  /// Multiplications and additions of a group of 32 threads in a round.
  private let operationsPerRound: Int
  private let memory: Storage
  private let start: Event
  private let end: Event

  /// - Throws: `RuntimeError` if there is no room for the copies.
  init(of stream: Stream, products: MachineLimits.Products) throws(RuntimeError) {
    self.stream = stream
    // Without matrix units a thread multiplies bf16 as f32, one at a time, and bytes by fours.
    switch (products, stream.runtime.kernels?.description.hasMatrixUnits ?? false) {
    case (.bytes, true): (kernel, operationsPerRound) = ("probe_bytes", Self.chains * 2 * 16 * 8 * 32)
    case (.bytes, false): (kernel, operationsPerRound) = ("probe_bytes", Self.chains * 2 * 4 * 32)
    case (.bf16, true): (kernel, operationsPerRound) = ("probe_bf16", Self.chains * 2 * 16 * 8 * 16)
    case (.bf16, false), (.f32, _): (kernel, operationsPerRound) = ("probe_f32", Self.chains * 2 * 32)
    }
    memory = try Storage(byteCount: 2 * Self.copiedBytes, on: stream.runtime)
    start = try Event(on: stream.runtime, isTimed: true)
    end = try Event(on: stream.runtime, isTimed: true)
  }

  /// Bytes and operations a second.
  func measure() throws(RuntimeError) -> (bandwidth: Double, operations: Double) {
    let copy = try seconds { () throws(RuntimeError) in
      try stream.runtime.api.copyAsync(
        to: memory.pointer, from: memory.pointer + Self.copiedBytes, bytes: Self.copiedBytes, kind: .deviceToDevice,
        stream: stream.handle)
    }
    let blocks = (stream.runtime.kernels?.description.processors ?? 1) * Self.blocksPerProcessor
    let arithmetic = try seconds { () throws(RuntimeError) in
      try stream.launch(
        kernel, of: KernelSource.probe, grid: GridSize(blocks), block: GridSize(Self.threads),
        Argument(out: memory.pointer, rounds: Int32(Self.rounds)))
    }
    let operations = Double(operationsPerRound) * Double(Self.rounds * blocks * Self.threads / 32)
    return (2 * Double(Self.copiedBytes) / copy, operations / arithmetic)
  }

  /// The shortest of several runs, after one that does not count.
  private func seconds(_ body: () throws(RuntimeError) -> Void) throws(RuntimeError) -> Double {
    try body()
    var best = Double.infinity
    for _ in 0..<Self.attempts {
      try start.record(on: stream)
      try body()
      try end.record(on: stream)
      try end.synchronize()
      best = min(best, Double(try start.milliseconds(to: end)) / 1_000)
    }
    return best
  }
}

extension KernelSource {
  /// Kernels that measure arithmetic.
  static let probe = KernelSource(MARTLET_KERNEL_PROBE)

  /// An embedded file behind what stands before every kernel.
  package init(_ id: martlet_kernel_id, sharedBytes: Int = 0, sharedShare: Int? = nil) {
    func part(_ file: martlet_kernel_file) -> (file: String, text: String) {
      (String(cString: file.name), String(cString: file.text))
    }
    let kernel = part(martlet_kernel_file_of(id))
    let preludes = (0..<martlet_kernel_prelude_count()).map { part(martlet_kernel_prelude($0)) }
    self.init(
      name: kernel.file, parts: preludes + [(kernel.file + ".cu", kernel.text)], sharedBytes: sharedBytes,
      sharedShare: sharedShare)
  }
}
