import MartletOperators
import MartletRuntime
import Testing

/// The list of kernels that is compiled at a first start.
@Suite struct KernelsTests {
  @Test func everyFileIsListedOnceWithItsText() {
    let names = Kernels.all.map(\.name)
    #expect(Set(names).count == names.count && names.contains("Linear"))
    for source in Kernels.all {
      #expect(source.parts.last?.text.contains("martlet_gpu_") == true, "\(source.name)")
      #expect(source.sharedBytes <= 227 << 10, "\(source.name) asks for more than any device has")
    }
  }
}
