internal import CMartletKernels

/// Kernels that find out what a device does where nobody is sure of it: `Survey.cu`.
package enum GPUSurvey {
  /// `martlet_gpu_survey`
  private struct Argument: BitwiseCopyable {
    var out: UnsafeMutableRawPointer
    var count: Int32
  }

  private static let source = KernelSource(MARTLET_KERNEL_SURVEY, sharedBytes: 64 << 10)
  private static let (lanes, distances) = (64, 6)
  /// What memory holds that no kernel has written.
  private static let untouched: Int32 = -1

  /// What is wrong with exchanges between lanes.
  /// - Parameter width: lanes among which they stay: 32 as in operators, or a wave's.
  package static func exchangeFailure(on stream: Stream, width: Int) throws(RuntimeError) -> String? {
    let found = try words(
      of: width == 32 ? "exchange_groups" : "exchange_waves", on: stream, count: 6 * distances * lanes, threads: lanes)
    for (type, name) in ["integers", "numbers"].enumerated() {
      for (way, kind) in ["by place", "by differing bits", "from further up"].enumerated() {
        for distance in 0..<distances where 1 << distance < width {
          for lane in 0..<lanes {
            let source = partner(of: lane, way: way, distance: 1 << distance, width: width)
            let value = found[((type * 3 + way) * distances + distance) * lanes + lane]
            if value != Int32(source * 3 + 1) {
              return "\(name) \(kind) over \(1 << distance) of \(width) lanes: lane \(lane) got \(value) instead of "
                + "\(source * 3 + 1), lane \(source)'s"
            }
          }
        }
      }
    }
    return nil
  }

  /// The lane whose number another one must get, by CUDA's rules.
  private static func partner(of lane: Int, way: Int, distance: Int, width: Int) -> Int {
    let (base, place) = (lane / width * width, lane % width)
    switch way {
    case 0: return base + (place + distance) % width
    case 1: return base + (place ^ distance)
    default: return place + distance < width ? base + place + distance : lane
    }
  }

  /// What is wrong with a block of 1024 threads that share so many bytes.
  package static func sharingFailure(on stream: Stream, bytes: Int) throws(RuntimeError) -> String? {
    let threads = 1024
    let found = try words(of: "share", on: stream, count: threads, threads: threads, sharedBytes: bytes)
    guard let thread = found.firstIndex(where: { $0 != 0 }) else { return nil }
    return found[thread] == untouched
      ? "thread \(thread) did not run" : "thread \(thread) read \(found[thread]) words that nobody wrote"
  }

  /// Launches a kernel and returns what it leaves.
  private static func words(
    of kernel: String, on stream: Stream, count: Int, threads: Int, sharedBytes: Int = 0
  ) throws(RuntimeError) -> [Int32] {
    let (runtime, bytes) = (stream.runtime, 4 * count)
    let memory = try Storage(byteCount: bytes, on: runtime)
    var words = [Int32](repeating: untouched, count: count)
    try runtime.api.copy(to: memory.pointer, from: &words, bytes: bytes, kind: .hostToDevice)
    try stream.launch(
      kernel, of: source, grid: GridSize(1), block: GridSize(threads), sharedBytes: sharedBytes,
      Argument(out: memory.pointer, count: Int32(sharedBytes / 4)))
    try stream.synchronize()
    try runtime.api.copy(to: &words, from: memory.pointer, bytes: bytes, kind: .deviceToHost)
    return words
  }
}
