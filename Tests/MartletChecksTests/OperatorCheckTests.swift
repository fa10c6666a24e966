import MartletChecks
import MartletRuntime
import Testing

/// What `martlet doctor` checks, as tests.
@Suite struct OperatorCheckTests {
  private static let gpus = Device.available.filter { $0.kind != .cpu }

  @Test func theProcessorsLoopsEqualThePlainOnes() throws {
    try expectAllPass(on: .cpu)
  }

  @Test(.enabled(if: !gpus.isEmpty, "no GPU that works: martlet devices says why"), arguments: gpus)
  func aGPUEqualsTheProcessor(device: Device) throws {
    let runtime = try Runtime(device)
    for check in RuntimeCheck.all(for: runtime.device.kind) {
      #expect(check.failure(on: runtime) == nil, "\(check.name)")
    }
    try expectAllPass(on: device)
  }

  private func expectAllPass(on device: Device) throws {
    let (stream, reference) = try OperatorCheck.streams(for: device)
    for check in OperatorCheck.all {
      let failure = check.failure(on: stream, reference: reference)
      #expect(failure == nil, "\(check): \(failure ?? "")")
    }
  }

  @Test func everyOperatorIsChecked() {
    let names = Set(OperatorCheck.all.map(\.operatorName))
    for name in [
      "Add", "AddRMSNorm", "Argmax", "Convert", "DecodeAttention", "Embedding", "FusedLinear", "Linear",
      "PagedAttention", "Quantize", "RMSNorm",
      "Rearrange", "RoPE", "RotationTable", "Sample", "SelfAttention", "SwiGLU",
    ] { #expect(names.contains(name)) }
    #expect(Set(OperatorCheck.all.map(\.description)).count == OperatorCheck.all.count, "labels tell checks apart")
  }
}
