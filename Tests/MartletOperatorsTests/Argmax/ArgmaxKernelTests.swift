import KernelEmulation
import MartletOperators
import MartletRuntime
import MartletTensor
import Testing

/// `Argmax.cu`, run by an emulation of a GPU's threads on the processor, finds what the processor's own loops find.
@Suite struct ArgmaxKernelTests {
  @Test(arguments: [1, 7, 32, 100, 1111], [32, 96])
  func findsTheProcessorsPlace(width: Int, threads: Int) throws {
    let stream = try Machine.all[0].stream()
    let numbers = Generator(UInt64(width))
    let values = (0..<40 * width).map { place -> Float in
      switch numbers.below(place + 1_000_000, 12) {
      case 0: place % 5 == 0 ? .nan : 3
      case 1: -.infinity
      case 2...5: numbers.uniform(place, scale: 4).rounded()
      default: numbers.uniform(place, scale: 4)
      }
    }
    let x = try GuardedTensor(values, [40, width], .f32, on: stream.runtime)
    let (index, value) = (
      try GuardedTensor([40], .i32, on: stream.runtime), try GuardedTensor([40], .f32, on: stream.runtime)
    )
    try Argmax(x.tensor, index: index.tensor, value: value.tensor).run(on: stream)
    let found = try GuardedTensor([40], .i32, on: stream.runtime)
    let largest = try GuardedTensor([40], .f32, on: stream.runtime)
    var argument = martlet_gpu_argmax(
      x: martlet_gpu_rows(base: x.tensor.pointer, stride: Int64(width), type: 0, aligned: 0),
      index: found.tensor.pointer, value: largest.tensor.pointer, width: Int32(width), wide_index: 0)
    for order in 0..<6 as Range<Int32> {
      emulate_argmax(&argument, 40, Int32(threads), order)
      found.expectMarginsUntouched()
      #expect(found.bits == index.bits && largest.bits == value.bits)
    }
  }
}
