internal import CMartletKernels
import MartletRuntime
import MartletTensor

extension Convert {
  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
    try stream.launch(
      "convert", of: Kernels.convert, units: GPUWork.chunks(rows: out.count, width: out.width),
      martlet_gpu_lookup(
        x: x.gpu, out: out.gpu, ids: nil, table: Int64(x.count), count: Int64(out.count), width: Int32(out.width),
        wide_ids: 0))
  }
}
