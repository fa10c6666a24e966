import Foundation
import Glibc
import MartletModels
import MartletTestSupport
import Testing

/// What opening a file costs. Other tests run beside these and only ever add to what is measured, so each cost is the
/// least of several tries, of more while others are busy.
@Suite("GGUF: time and memory", .serialized)
struct GGUFCostTests {
  /// The least of what `measure` gives in eight tries; in more, some time apart, as long as it is not below `limit`.
  private static func least<Cost: Comparable>(below limit: Cost, _ measure: () -> Cost) -> Cost {
    var least = measure()
    for number in 1..<100 where number < 8 || least >= limit {
      if number >= 8 { Thread.sleep(forTimeInterval: 0.1) }
      least = min(least, measure())
    }
    return least
  }

  @Test("a hostile file is refused in under 10 ms", arguments: Corruption.all)
  func time(_ corruption: Corruption) throws {
    let file = try TemporaryFile(corruption.bytes)
    let best = Self.least(below: .milliseconds(10)) {
      ContinuousClock().measure { #expect(throws: GGUFError.self) { try GGUFFile(path: file.path) } }
    }
    #expect(best < .milliseconds(10))
  }

  @Test(
    "hostile files take less than 10 MB",
    .enabled(if: MemoryPeak.isMeasurable, "the kernel does not let a process reset its memory peak"))
  func memory() throws {
    let files = try Corruption.all.map { try TemporaryFile($0.bytes) }
    let growth = Self.least(below: 10_000_000) {
      MemoryPeak.growth {
        for file in files { #expect(throws: GGUFError.self) { try GGUFFile(path: file.path) } }
      }
    }
    #expect(growth < 10_000_000)
  }

  @Test(
    "a header as full as the limits allow, wrong at its end, takes less than 10 MB",
    .enabled(if: MemoryPeak.isMeasurable, "the kernel does not let a process reset its memory peak"))
  func fullHeader() throws {
    var builder = GGUFBuilder()
    builder.metadata = (0..<8192).map { ("some.rather.long.key.number.\($0)", .uint8(1)) }
    builder.tensors = (0..<16_384).map { .init("blk.\($0).feed_forward.weight", [4], bytes: 16) }
    builder.tensors[16_383].type = 99
    let file = try TemporaryFile(builder.bytes)
    let error = #expect(throws: GGUFError.self) { try GGUFFile(path: file.path) }
    #expect(error?.message.contains("type 99") == true, "\(error?.message ?? "")")
    let growth = Self.least(below: 10_000_000) {
      MemoryPeak.growth { #expect(throws: GGUFError.self) { try GGUFFile(path: file.path) } }
    }
    #expect(growth < 10_000_000)
  }
}

/// The most memory that the process had while something ran.
enum MemoryPeak {
  /// Whether Linux lets this process reset its peak.
  static let isMeasurable = reset() && status("VmHWM") != nil

  /// By how many bytes memory grew at most while `body` ran, measured over what was resident before.
  static func growth(_ body: () -> Void) -> Int {
    // What earlier work has freed but malloc still holds would hide what this work takes.
    releaseFreedMemory()
    guard reset(), let before = status("VmHWM") else { return 0 }
    body()
    return (status("VmHWM") ?? before) - before
  }

  /// Calls `malloc_trim`, which glibc has but its Swift module does not show.
  private static func releaseFreedMemory() {
    typealias Trim = @convention(c) (Int) -> Int32
    guard let symbol = dlsym(nil, "malloc_trim") else { return }
    _ = unsafeBitCast(symbol, to: Trim.self)(0)
  }

  private static func reset() -> Bool {
    guard let handle = FileHandle(forWritingAtPath: "/proc/self/clear_refs") else { return false }
    defer { try? handle.close() }
    return (try? handle.write(contentsOf: Data("5".utf8))) != nil
  }

  private static func status(_ key: String) -> Int? {
    guard let text = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return nil }
    for line in text.split(separator: "\n") where line.hasPrefix(key + ":") {
      return line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
        .map { $0 * 1024 }
    }
    return nil
  }
}
