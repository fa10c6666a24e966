internal import CMartletKernels
import MartletRuntime
import MartletTensor

extension AddRMSNorm {
  /// The kernel of ``RMSNorm``, with a residual.
  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
    try stream.launch(
      "add_rms_norm_\(x.dtype.name)", of: Kernels.rmsNorm, grid: GridSize(x.count),
      block: GridSize(GPUWork.normThreads(width: x.width)),
      martlet_gpu_norm(
        x: x.gpu, residual: residual.gpu, weight: weight.gpu, out: out.gpu, width: Int32(x.width), epsilon: epsilon))
  }
}
