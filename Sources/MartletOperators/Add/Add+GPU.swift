internal import CMartletKernels
import MartletRuntime
import MartletTensor

extension Add {
  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
    try stream.launch(
      "add_\(out.dtype.name)", of: Kernels.add, units: GPUWork.chunks(rows: out.count, width: out.width),
      martlet_gpu_elementwise(
        a: a.gpu, b: b.gpu, out: out.gpu, count: Int64(out.count), width: Int32(out.width)))
  }
}
