internal import CMartletSIMD
package import MartletRuntime
package import MartletTensor

/// A weight matrix laid out once for the loops of a device.
///
/// On the processor 16 rows are interleaved to a panel, so that one register holds the weights of 16 outputs: see
/// `martlet_pack_format` in `CMartletSIMD`. On a GPU rows follow one another as they are in the file. No quantised value
/// changes.
package struct PackedWeight: Sendable {
  /// Outputs.
  package let rows: Int
  /// Inputs.
  package let columns: Int
  /// The type that the weights had, and have in the panels.
  package let dtype: DType
  /// The memory of the panels. A step looks at weights a hundred times, so they are kept as few words.
  private let storage: Storage
  /// The first panel.
  nonisolated(unsafe) let base: UnsafeRawPointer
  /// How many panels there are.
  let panelCount: Int
  /// The bytes of one.
  let panelBytes: Int

  /// Bytes of memory, padding included.
  package var byteCount: Int { panelCount * panelBytes }
  /// Bytes of a row on a GPU.
  var rowBytes: Int { panelBytes }
  /// Where the panels are.
  package var device: Device { storage.device }

  /// Packs the rows of several matrices one below the other: the query, key and value projections become one, and so
  /// do gate and up.
  /// - Parameters:
  ///   - parts: matrices `[rows, columns]` of equal columns and one type, in host memory or on the stream's device, rows without gaps.
  ///   - stream: whose device the panels are for, and whose threads do the work.
  /// - Throws: ``OperatorError`` if the parts do not fit together; `RuntimeError` if there is no memory.
  package init(_ parts: [Tensor], on stream: Stream) throws {
    let check = Checker("PackedWeight")
    guard let first = parts.first else {
      throw OperatorError("PackedWeight", "parts", expected: "at least one matrix", found: "none")
    }
    var sources: [Rows] = []
    for part in parts {
      try check.dimensions(part, 2, "weight")
      try check.dtype(part, first.dtype, argument: "weight")
      try check.require(
        part.dtype.isFloatingPoint || part.dtype.isQuantized, "weight", "of a floating-point or quantised type",
        found: part.description)
      try check.require(
        part.shape[1] == first.shape[1], "weight", "of \(first.shape[1]) columns", found: part.description)
      sources.append(try check.rows(part, "weight"))
    }
    rows = parts.reduce(0) { $0 + $1.shape[0] }
    columns = first.shape[1]
    dtype = first.dtype
    switch stream.device.kind {
    case .cpu:
      panelCount = (rows + Self.panelRows - 1) / Self.panelRows
      panelBytes = Self.panelBytes(dtype, columns: columns)
    case .cuda, .metax:
      // Rows as they are.
      panelCount = rows
      panelBytes = columns / dtype.blockSize * dtype.blockBytes
    }
    storage = try Storage(byteCount: panelCount * panelBytes, on: stream.runtime)
    base = UnsafeRawPointer(storage.pointer)
    switch stream.device.kind {
    case .cpu: packOnCPU(sources, stream)
    case .cuda, .metax: try packOnGPU(parts, sources, stream)
    }
  }

  /// Rows in a panel.
  static let panelRows = Int(MARTLET_PANEL)

  /// Bytes of one panel.
  static func panelBytes(_ dtype: DType, columns: Int) -> Int {
    dtype.isQuantized
      ? martlet_panel_bytes(martlet_pack_format_of(dtype.code), columns)
      : martlet_plain_panel_bytes(dtype.code, columns)
  }

  /// The fewest panels in a piece of a product with `rows` rows: so many that starting a piece does not show, so few that
  /// threads finish together.
  func panelGrain(rows: Int) -> Int {
    let bytes = min(max(16_384, panelCount * panelBytes / 32), 131_072)
    let fewest = max(1, bytes / max(1, panelBytes * min(rows, 16)))
    // With several rows, loops take panels in pairs.
    return rows > 1 ? (fewest + 1) / 2 * 2 : fewest
  }

  private func packOnCPU(_ sources: [Rows], _ stream: Stream) {
    let rowBytes = columns / dtype.blockSize * dtype.blockBytes
    let base = storage.pointer
    stream.pool.forEachRange(panelCount, grain: 4) { range, _ in
      withUnsafeTemporaryAllocation(byteCount: Self.panelRows * rowBytes, alignment: 64) { staging in
        for panel in range {
          // A panel may straddle two parts, so its rows are gathered first.
          let valid = min(Self.panelRows, rows - panel * Self.panelRows)
          var part = 0
          var start = 0
          for index in 0..<valid {
            let row = panel * Self.panelRows + index
            while row >= start + sources[part].count {
              start += sources[part].count
              part += 1
            }
            (staging.baseAddress! + index * rowBytes).copyMemory(from: sources[part][row - start], byteCount: rowBytes)
          }
          let target = base + panel * panelBytes
          if dtype.isQuantized {
            martlet_pack_quantized(dtype.code, staging.baseAddress!, rowBytes, valid, columns, target)
          } else {
            martlet_pack_plain(dtype.code, staging.baseAddress!, rowBytes, valid, columns, target)
          }
        }
      }
    }
  }
}
