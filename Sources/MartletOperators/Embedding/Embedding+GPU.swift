internal import CMartletKernels
import MartletRuntime
import MartletTensor

extension Embedding {
  /// The kernel of ``Convert``, with ids.
  func runOnGPU(_ stream: Stream) throws(RuntimeError) {
    try stream.launch(
      "convert", of: Kernels.convert, units: GPUWork.chunks(rows: out.count, width: out.width),
      martlet_gpu_lookup(
        x: table.gpu, out: out.gpu, ids: ids.pointer, table: Int64(table.count), count: Int64(out.count),
        width: Int32(out.width), wide_ids: ids.dtype == .i64 ? 1 : 0))
  }
}
