internal import CMartletKernels
import MartletRuntime
import MartletTensor

extension Argmax {
  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
    try stream.launch(
      "argmax_\(x.dtype.name)", of: Kernels.argmax, grid: GridSize(x.count),
      block: GridSize(GPUWork.rowThreads(width: x.width)),
      martlet_gpu_argmax(
        x: x.gpu, index: index.pointer, value: value.pointer, width: Int32(x.width),
        wide_index: index.dtype == .i64 ? 1 : 0))
  }
}
