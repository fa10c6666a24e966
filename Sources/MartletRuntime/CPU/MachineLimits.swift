internal import CMartletSIMD
import Glibc

/// What the machine can do at most, measured with a stream's threads and instruction set.
package struct MachineLimits: Sendable, Equatable {
  /// Bytes a second that all threads together read from memory.
  package let bandwidth: Double
  /// Multiplications and additions a second of data in the first cache.
  package let operations: Double
  /// What ``operations`` multiplies.
  package let products: Products

  /// Kinds of products that have a rate of their own.
  package enum Products: String, Sendable {
    /// Unsigned by signed bytes, summed in 32 bits.
    case bytes = "8-bit"
    /// bf16 summed in f32, by the processor's own instruction.
    case bf16
    /// Fused or separate multiplication and addition, whatever the instruction set has.
    case f32
  }

  package init(bandwidth: Double, operations: Double, products: Products) {
    self.bandwidth = bandwidth
    self.operations = operations
    self.products = products
  }
}

/// Measures ``MachineLimits``, any number of times: what a machine gives changes with what else it does, so a speed is
/// compared with limits that were measured beside it.
package struct MachineProbe {
  /// So much that what the caches kept of the pass before does not show, and less than a small machine has.
  private static var bufferBytes: Int {
    min(1 << 30, sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)) / 8)
  }
  private static let attempts = 5
  /// Time for one measurement of arithmetic: short against a time slice, long against starting the threads.
  private static let arithmeticTime = Duration.milliseconds(10)

  private let stream: Stream
  private let products: MachineLimits.Products
  private let storage: Storage
  /// Bytes that each thread reads.
  private let share: Int

  /// - Parameter products: what to multiply; f32 in place of bf16 where the processor does not multiply that itself.
  /// - Throws: `RuntimeError` if there is no memory to read.
  package init(of stream: Stream, products: MachineLimits.Products) throws(RuntimeError) {
    self.stream = stream
    self.products = products == .bf16 && !stream.kernels.pointee.has_bf16 ? .f32 : products
    let share = Self.bufferBytes / stream.pool.threadCount / 4096 * 4096
    self.share = share
    storage = try Storage(byteCount: share * stream.pool.threadCount, on: stream.runtime)
    let base = storage.pointer
    // Memory that was never written is one page of zeros, over and over.
    stream.pool.run { (base + $0 * share).initializeMemory(as: UInt8.self, repeating: UInt8($0 & 255), count: share) }
  }

  /// Measures both; takes about a tenth of a second.
  package func measure() -> MachineLimits {
    MachineLimits(bandwidth: bandwidth(), operations: arithmetic(), products: products)
  }

  /// The median of several passes over a large buffer, each thread reading a part of its own.
  private func bandwidth() -> Double {
    let kernels = stream.kernels
    let base = storage.pointer
    return Self.medianRate(of: Double(share * stream.pool.threadCount)) {
      stream.pool.run { _ = kernels.pointee.read_memory(base + $0 * share, share) }
    }
  }

  private func arithmetic() -> Double {
    let kernels = stream.kernels
    let weightCount = Int(MARTLET_LIMIT_WEIGHTS)
    let activationCount = Int(MARTLET_LIMIT_ACTIVATIONS)
    /// Runs `rounds` rounds on one thread; returns the operations done.
    func work(_ rounds: Int) -> Int {
      var operations = 0
      withUnsafeTemporaryAllocation(byteCount: weightCount, alignment: 64) { weights in
        withUnsafeTemporaryAllocation(byteCount: activationCount * 4, alignment: 64) { activations in
          switch products {
          case .bytes:
            weights.initializeMemory(as: UInt8.self, repeating: 1)
            let values = activations.bindMemory(to: Int32.self)
            for index in values.indices { values[index] = Int32(index) &* 0x0101_0101 }
            _ = kernels.pointee.integer_products(weights.baseAddress!, values.baseAddress!, rounds, &operations)
          case .bf16:
            weights.bindMemory(to: UInt16.self).initialize(repeating: 0x3f00)
            let pairs = activations.bindMemory(to: Int32.self)
            for index in pairs.indices { pairs[index] = Int32(index) &* 0x0001_0001 &+ 0x3f80_3f80 }
            _ = kernels.pointee.bf16_products?(weights.baseAddress!, pairs.baseAddress!, rounds, &operations)
          case .f32:
            let values = weights.bindMemory(to: Float.self)
            values.initialize(repeating: 0.5)
            let factors = activations.bindMemory(to: Float.self)
            for index in factors.indices { factors[index] = Float(index) }
            _ = kernels.pointee.float_products(values.baseAddress!, factors.baseAddress!, rounds, &operations)
          }
        }
      }
      return operations
    }
    // As many rounds as fill the time, found by doubling.
    let clock = ContinuousClock()
    var rounds = 64
    var operations = 0
    while clock.measure({ operations = work(rounds) }) < Self.arithmeticTime { rounds *= 2 }
    return Self.medianRate(of: Double(operations * stream.pool.threadCount)) {
      stream.pool.run { _ in _ = work(rounds) }
    }
  }

  /// `amount` a second at the median of the attempts: speeds that are compared with it are medians too.
  private static func medianRate(of amount: Double, _ body: () -> Void) -> Double {
    let clock = ContinuousClock()
    let times = (0..<attempts).map { _ in clock.measure(body).seconds }.sorted()
    return amount / times[attempts / 2]
  }
}

extension Duration {
  /// The duration in seconds.
  fileprivate var seconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}
