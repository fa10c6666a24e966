import Glibc
import MartletFuzz

/// The target that the environment chooses: libFuzzer has the command line for itself.
private let target: FuzzTarget = {
  let name = getenv("MARTLET_FUZZ_TARGET").map { String(cString: $0) } ?? "unset"
  guard let target = FuzzTarget(rawValue: name) else {
    let known = FuzzTarget.allCases.map(\.rawValue).joined(separator: ", ")
    fatalError("MARTLET_FUZZ_TARGET is \(name), expected one of \(known)")
  }
  return target
}()

/// What libFuzzer calls with each input.
@c(LLVMFuzzerTestOneInput)
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  target.run(UnsafeRawBufferPointer(start: bytes, count: count))
  return 0
}
