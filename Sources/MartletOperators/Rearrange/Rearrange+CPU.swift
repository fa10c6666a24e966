import CMartletSIMD
import MartletRuntime
import MartletTensor

extension Rearrange {
  /// One dimension to walk: how often, and how far apart on both sides.
  private struct Axis {
    var extent: Int
    var from: Int
    var to: Int
  }

  /// Bytes of a run beyond which the order of writing counts for more than the number of planes.
  private static let longRun = 256

  func runOnCPU(_ stream: Stream) {
    guard out.elementCount > 0 else { return }
    var axes = mergedAxes()
    // The last two make planes: one along which the result is written, one along which x is read.
    let columns = axes.removeLast()
    var rows = Axis(extent: 1, from: 0, to: 0)
    let copiesRuns = columns.from == 1 && columns.to == 1
    let nearest = axes.indices.min { axes[$0].from < axes[$1].from }
    let longest = axes.indices.max { axes[$0].extent < axes[$1].extent }
    // Long runs are best written in order; of short ones, walking many small planes would cost more than that gains.
    let chosen =
      !copiesRuns ? nearest : columns.extent * out.dtype.blockBytes > Self.longRun ? axes.indices.last : longest
    if let chosen { rows = axes.remove(at: chosen) }
    let planes = axes.reduce(1) { $0 * $1.extent }
    let size = out.dtype.blockBytes
    let source = UnsafeRawPointer(x.pointer)
    let destination = out.pointer
    // A plane is cut into strips of rows, so that a single one is work for all threads too.
    let strip = min(rows.extent, max(16, Work.elements / columns.extent / 16 * 16))
    let strips = (rows.extent + strip - 1) / strip
    let outer = axes
    let copyRows = stream.kernels.pointee.copy_rows
    stream.pool.forEachShare(planes * strips, grain: Work.elements / (strip * columns.extent)) { range, _ in
      for unit in range {
        var rest = unit / strips
        let first = unit % strips * strip
        var (from, to) = (first * rows.from, first * rows.to)
        for axis in outer.reversed() {
          let index = rest % axis.extent
          rest /= axis.extent
          from += index * axis.from
          to += index * axis.to
        }
        let count = min(strip, rows.extent - first)
        if copiesRuns {
          copyRows(
            count, columns.extent * size, source + from * size, rows.from * size, destination + to * size,
            rows.to * size)
        } else {
          martlet_copy_plane(
            size, count, columns.extent, source + from * size, rows.from, columns.from, destination + to * size,
            rows.to, columns.to)
        }
      }
    }
  }

  /// The dimensions in the order of their distances in the result, widest first; neighbours that are one run on both sides
  /// become one. At least one.
  private func mergedAxes() -> [Axis] {
    let all = out.shape.indices.map { Axis(extent: out.shape[$0], from: x.strides[$0], to: out.strides[$0]) }
      .filter { $0.extent > 1 }.sorted { $0.to > $1.to }
    var axes: [Axis] = []
    for axis in all {
      if let last = axes.last, last.from == axis.from * axis.extent, last.to == axis.to * axis.extent {
        axes[axes.count - 1] = Axis(extent: last.extent * axis.extent, from: axis.from, to: axis.to)
      } else {
        axes.append(axis)
      }
    }
    return axes.isEmpty ? [Axis(extent: 1, from: 1, to: 1)] : axes
  }
}
