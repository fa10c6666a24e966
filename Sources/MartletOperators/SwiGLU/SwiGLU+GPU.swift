internal import CMartletKernels
import MartletRuntime
import MartletTensor

extension SwiGLU {
  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
    try stream.launch(
      "swiglu_\(out.dtype.name)", of: Kernels.swiglu, units: GPUWork.chunks(rows: out.count, width: out.width),
      martlet_gpu_elementwise(
        a: gate.gpu, b: up.gpu, out: out.gpu, count: Int64(out.count), width: Int32(out.width)))
  }
}
