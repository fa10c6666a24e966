internal import CMartletKernels
import MartletRuntime
import MartletTensor

extension Sample {
  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
    try stream.launch(
      "sample_f32", of: Kernels.sample, grid: GridSize(logits.count),
      block: GridSize(GPUWork.rowThreads(width: logits.width)),
      martlet_gpu_sample(
        logits: logits.gpu, rules: rules.pointer.assumingMemoryBound(to: martlet_gpu_sampling.self),
        out: out.pointer(as: Int32.self), width: Int32(logits.width)))
  }
}
