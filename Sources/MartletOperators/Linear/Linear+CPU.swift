import CMartletSIMD
import MartletRuntime
import MartletTensor

extension Linear {
  func runOnCPU(_ stream: Stream) throws(RuntimeError) {
    switch weight {
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
          var sum = kernels.dot(x.dtype.code, x[token], code, source, x.width) + added
          kernels.convert(DType.f32.code, &sum, out.dtype.code, out[token] + row * outBytes, 1)
        }
      }
    }
  }

  // MARK: Packed

  private func runPacked(_ packed: PackedWeight, _ stream: Stream) throws(RuntimeError) {
    let kernels = stream.kernels
    let biasBytes = Self.aligned(bias == nil ? 0 : out.width * 4)
    // Rows go in as f32, or as bf16 where the processor multiplies these itself.
    let type: DType = kernels.has_bf16 && packed.dtype == .bf16 && x.dtype == .bf16 ? .bf16 : .f32
    let xBytes = x.dtype == type ? 0 : x.count * x.width * 4
    let scratch = try stream.scratch(bytes: biasBytes + xBytes)
    let bias32 = expandBias(kernels, scratch)
    var (rows, stride) = (UnsafeRawPointer(x.base), x.stride)
    if x.dtype != type {
      let copy = (scratch + biasBytes).assumingMemoryBound(to: Float.self)
      stream.pool.forEachRange(x.count, grain: Work.rowGrain(width: x.width)) { range, _ in
        for row in range {
          kernels.convert(x.dtype.code, x[row], DType.f32.code, copy + row * x.width, x.width)
        }
      }
      (rows, stride) = (UnsafeRawPointer(copy), x.width)
    }
    let (input, inputStride) = (rows, stride)
    stream.pool.forEachRange(packed.panels.shape[0], grain: panelGrain(packed)) { range, _ in
      kernels.gemm(
        packed.dtype.code, packed.panels.pointer, range.lowerBound, range.upperBound, packed.rows, packed.columns,
        type.code, input, inputStride, x.count, bias32, out.dtype.code, out.base, out.stride)
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
      for row in range { kernels.quantize_row(x.dtype.code, x[row], quantized + row * groups, x.width) }
    }
    let format = martlet_pack_format_of(packed.dtype.code)
    stream.pool.forEachRange(packed.panels.shape[0], grain: panelGrain(packed)) { range, _ in
      kernels.gemm_quantized(
        format, packed.panels.pointer, range.lowerBound, range.upperBound, packed.rows, packed.columns, quantized,
        x.count, bias32, out.dtype.code, out.base, out.stride)
    }
  }

  /// The fewest panels in a piece of work: so many that starting a piece does not show, so few that threads finish
  /// together.
  private func panelGrain(_ packed: PackedWeight) -> Int {
    let (panels, panelBytes) = (packed.panels.shape[0], packed.panels.shape[1])
    let bytes = min(max(16_384, panels * panelBytes / 32), 131_072)
    let fewest = max(1, bytes / max(1, panelBytes * min(x.count, 16)))
    // With several rows, loops take panels in pairs.
    return x.count > 1 ? (fewest + 1) / 2 * 2 : fewest
  }

  /// The bias as f32 at the start of the scratch memory.
  private func expandBias(_ kernels: martlet_kernels, _ scratch: UnsafeMutableRawPointer) -> UnsafePointer<Float>? {
    guard let bias else { return nil }
    let values = scratch.assumingMemoryBound(to: Float.self)
    kernels.convert(bias.dtype.code, bias.pointer, DType.f32.code, values, out.width)
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
