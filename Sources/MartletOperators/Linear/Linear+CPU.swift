import CMartletSIMD
import MartletRuntime
import MartletTensor

extension Linear {
  func runOnCPU(_ stream: Stream) throws(RuntimeError) {
    switch weight {
    case .plain(let rows) where !rows.dtype.isQuantized && x.count >= Self.fewestPackedRows:
      try runPackingOnTheWay(rows, stream)
    case .plain(let rows): try runPlain(rows, stream)
    case .packed(let packed) where packed.dtype.isQuantized: try runQuantized(packed, stream)
    case .packed(let packed): try runPacked(packed, stream)
    }
  }

  // MARK: Plain: one dot product an output

  private func runPlain(_ weights: Rows, _ stream: Stream) throws(RuntimeError) {
    let kernels = stream.kernels
    let perThread = (x.width + x.count) * 4
    let scratch = try stream.scratch(bytes: stream.pool.threadCount * perThread)
    let outBytes = out.dtype.blockBytes
    stream.pool.forEachRange(weights.count, grain: Work.rowGrain(width: x.width * x.count)) { range, thread in
      let row32 = (scratch + thread * perThread).assumingMemoryBound(to: Float.self)
      for row in range {
        var source = UnsafeRawPointer(weights[row])
        var code = weights.dtype.code
        if weights.dtype.isQuantized {
          martlet_dequantize(code, source, row32, x.width)
          source = UnsafeRawPointer(row32)
          code = DType.f32.code
        }
        let added = bias.map { Linear.element($0, row) } ?? 0
        for token in 0..<x.count {
          var sum = kernels.pointee.dot(x.dtype.code, x[token], code, source, x.width) + added
          kernels.pointee.convert(DType.f32.code, &sum, out.dtype.code, out[token] + row * outBytes, 1)
        }
      }
    }
  }

  // MARK: Packed

  /// Rows of x as the loops take them.
  private struct Input {
    let dtype: DType
    let base: UnsafeRawPointer
    let stride: Int
  }

  /// The type in which rows go in: f32, or bf16 where the processor multiplies these itself.
  private func inputType(_ kernels: UnsafePointer<martlet_kernels>, weights: DType) -> DType {
    kernels.pointee.has_bf16 && weights == .bf16 && x.dtype == .bf16 ? .bf16 : .f32
  }

  /// x itself if it is of that type, else a copy.
  private func input(_ dtype: DType, copy: UnsafeMutableRawPointer, _ stream: Stream) -> Input {
    guard x.dtype != dtype else { return Input(dtype: dtype, base: UnsafeRawPointer(x.base), stride: x.stride) }
    let kernels = stream.kernels
    let values = copy.assumingMemoryBound(to: Float.self)
    stream.pool.forEachRange(x.count, grain: Work.rowGrain(width: x.width)) { range, _ in
      for row in range {
        kernels.pointee.convert(x.dtype.code, x[row], dtype.code, values + row * x.width, x.width)
      }
    }
    return Input(dtype: dtype, base: UnsafeRawPointer(copy), stride: x.width)
  }

  private func runPacked(_ packed: PackedWeight, _ stream: Stream) throws(RuntimeError) {
    let kernels = stream.kernels
    let type = inputType(kernels, weights: packed.dtype)
    let biasBytes = Self.aligned(bias == nil ? 0 : out.width * 4)
    let scratch = try stream.scratch(bytes: biasBytes + (x.dtype == type ? 0 : x.count * x.width * 4))
    let bias32 = expandBias(kernels, scratch)
    let input = input(type, copy: scratch + biasBytes, stream)
    stream.pool.forEachRange(packed.panelCount, grain: packed.panelGrain(rows: x.count)) { range, _ in
      kernels.pointee.gemm(
        packed.dtype.code, packed.base, range.lowerBound, range.upperBound, packed.rows, packed.columns,
        type.code, input.base, input.stride, x.count, bias32, out.dtype.code, out.base, out.stride)
    }
  }

  // MARK: Plain with many rows: each thread packs a few panels and multiplies them with all rows

  /// From so many rows on, packing takes less time than it saves.
  private static let fewestPackedRows = 16
  /// Bytes of panels that a thread packs at a time: they stay in its second cache.
  private static let packedBytes = 256 << 10

  private func runPackingOnTheWay(_ weights: Rows, _ stream: Stream) throws(RuntimeError) {
    let kernels = stream.kernels
    let type = inputType(kernels, weights: weights.dtype)
    let panelRows = PackedWeight.panelRows
    let panelBytes = PackedWeight.panelBytes(weights.dtype, columns: x.width)
    // Loops take panels in pairs.
    let most = max(2, Self.packedBytes / max(1, panelBytes) / 2 * 2)
    let biasBytes = Self.aligned(bias == nil ? 0 : out.width * 4)
    let inputBytes = Self.aligned(x.dtype == type ? 0 : x.count * x.width * 4)
    let scratch = try stream.scratch(
      bytes: biasBytes + inputBytes + stream.pool.threadCount * most * panelBytes)
    let bias32 = expandBias(kernels, scratch)
    let input = input(type, copy: scratch + biasBytes, stream)
    let (rowBytes, outBytes) = (weights.stride * weights.dtype.blockBytes, out.dtype.blockBytes)
    let panels = (weights.count + panelRows - 1) / panelRows
    stream.pool.forEachRange(panels, grain: most) { range, thread in
      let memory = scratch + biasBytes + inputBytes + thread * most * panelBytes
      for first in stride(from: range.lowerBound, to: range.upperBound, by: most) {
        let count = min(most, range.upperBound - first)
        let row = first * panelRows
        for panel in 0..<count {
          let start = row + panel * panelRows
          martlet_pack_plain(
            weights.dtype.code, weights[start], rowBytes, min(panelRows, weights.count - start), x.width,
            memory + panel * panelBytes)
        }
        kernels.pointee.gemm(
          weights.dtype.code, memory, 0, count, min(count * panelRows, weights.count - row), x.width, type.code,
          input.base, input.stride, x.count, bias32.map { $0 + row }, out.dtype.code, out.base + row * outBytes,
          out.stride)
      }
    }
  }

  private func runQuantized(_ packed: PackedWeight, _ stream: Stream) throws(RuntimeError) {
    let kernels = stream.kernels
    let groups = packed.columns / Int(MARTLET_GROUP)
    let biasBytes = Self.aligned(bias == nil ? 0 : out.width * 4)
    let scratch = try stream.scratch(bytes: biasBytes + x.count * groups * MemoryLayout<martlet_quantized_group>.stride)
    let bias32 = expandBias(kernels, scratch)
    let quantized = (scratch + biasBytes).assumingMemoryBound(to: martlet_quantized_group.self)
    // A few rows take less time than handing them to other threads.
    stream.pool.forEachRange(x.count, grain: max(4, Work.rowGrain(width: 2 * x.width))) { range, _ in
      for row in range { kernels.pointee.quantize_row(x.dtype.code, x[row], quantized + row * groups, x.width) }
    }
    let format = martlet_pack_format_of(packed.dtype.code)
    stream.pool.forEachRange(packed.panelCount, grain: packed.panelGrain(rows: x.count)) { range, _ in
      kernels.pointee.gemm_quantized(
        format, packed.base, range.lowerBound, range.upperBound, packed.rows, packed.columns, quantized,
        x.count, bias32, out.dtype.code, out.base, out.stride)
    }
  }

  /// The bias as f32 at the start of the scratch memory.
  private func expandBias(_ kernels: UnsafePointer<martlet_kernels>, _ scratch: UnsafeMutableRawPointer)
    -> UnsafePointer<Float>?
  {
    guard let bias else { return nil }
    let values = scratch.assumingMemoryBound(to: Float.self)
    kernels.pointee.convert(bias.dtype.code, bias.pointer, DType.f32.code, values, out.width)
    return UnsafePointer(values)
  }

  private static func aligned(_ bytes: Int) -> Int { (bytes + 63) & ~63 }

  private static func element(_ tensor: Tensor, _ index: Int) -> Float {
    switch tensor.dtype {
    case .f16: Float(tensor.pointer(as: Float16.self)[index])
    case .bf16: tensor.pointer(as: BFloat16.self)[index].float
    default: tensor.pointer(as: Float.self)[index]
    }
  }
}
