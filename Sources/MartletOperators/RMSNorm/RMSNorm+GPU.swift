internal import CMartletKernels
import MartletRuntime
import MartletTensor

extension RMSNorm {
  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
    try stream.launch(
      "rms_norm_\(x.dtype.name)", of: Kernels.rmsNorm, grid: GridSize(x.count),
      block: GridSize(GPUWork.normThreads(width: x.width)),
      martlet_gpu_norm(
        x: x.gpu, residual: x.gpu, weight: weight.gpu, out: out.gpu, width: Int32(x.width), epsilon: epsilon))
  }
}
