internal import CMartletKernels
import MartletRuntime
import MartletTensor

extension PackedWeight {
  /// Copies the rows of all parts, one below the other.
  func packOnGPU(_ parts: [Tensor], _ sources: [Rows], _ stream: Stream) throws(RuntimeError) {
    let rowBytes = panelBytes
    let api = stream.runtime.api
    try api.setDevice(stream.device.index)
    var target = UnsafeMutableRawPointer(mutating: base)
    for (part, rows) in zip(parts, sources) {
      let kind: CopyKind = part.device.kind == .cpu ? .hostToDevice : .deviceToDevice
      if rows.stride == rows.width {
        try api.copy(to: target, from: rows.base, bytes: rows.count * rowBytes, kind: kind)
        target += rows.count * rowBytes
      } else {
        for row in 0..<rows.count {
          try api.copy(to: target, from: rows[row], bytes: rowBytes, kind: kind)
          target += rowBytes
        }
      }
    }
  }

  /// What kernels know of the rows.
  var gpu: martlet_gpu_rows {
    martlet_gpu_rows(
      base: UnsafeMutableRawPointer(mutating: base), stride: Int64(columns), type: dtype.code,
      aligned: panelBytes % 16 == 0 ? 1 : 0)
  }
}
