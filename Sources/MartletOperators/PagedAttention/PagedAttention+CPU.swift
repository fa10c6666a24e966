import CMartletSIMD
import MartletRuntime
import MartletTensor

/// A piece of attention: up to eight query rows of one sequence and one key head. A row is a (token, query head) pair of
/// the key head's group, counted token by token.
private struct QueryTile {
  var sequence: Int
  var keyHead: Int
  var firstRow: Int
  var rowCount: Int
}

extension PagedAttention {
  private static let tileRows = Int(MARTLET_QUERY_TILE)
  private static let segment = Int(MARTLET_SEGMENT)

  /// Floats that a thread works in: the tile's queries, its scores, and two states.
  private var workFloats: Int {
    let rows = Self.tileRows
    return rows * cache.headDimension + rows * Self.segment + 2 * stateFloats + 2 * rows
  }

  /// Floats of the state of one tile: maximums, sums, outputs.
  private var stateFloats: Int { Self.tileRows * (2 + cache.paddedDimension) }

  private var group: Int { heads / cache.keyHeads }

  private var view: martlet_kv_view {
    martlet_kv_view(
      keys: cache.keys.pointer, values: cache.values.pointer,
      key_block_stride: cache.keyBytes * cache.keyHeads, key_head_stride: cache.keyBytes,
      value_block_stride: cache.valueBytes * cache.keyHeads, value_head_stride: cache.valueBytes,
      head_dim: cache.headDimension, padded_dim: cache.paddedDimension, type: cache.dtype.code, scale: scale)
  }

  func runOnCPU(_ stream: Stream) throws(RuntimeError) {
    let starts = batch.starts.pointer(as: Int32.self)
    var tileCount = 0
    var segmentCount = 0
    for sequence in 0..<batch.blockTables.shape[0] {
      let tokens = Int(starts[sequence + 1] - starts[sequence])
      let tiles = (tokens * group + Self.tileRows - 1) / Self.tileRows * cache.keyHeads
      tileCount += tiles
      if tiles > 0 { segmentCount += tiles * (segments(of: sequence) - firstSegment(of: sequence)) }
    }
    // With few tiles and long sequences, segments of one tile are shared among threads.
    if tileCount < 4 * stream.pool.threadCount, segmentCount > tileCount, stream.pool.threadCount > 1 {
      try runSplit(stream, segmentCount: segmentCount)
    } else {
      try runWhole(stream, tileCount: tileCount)
    }
  }

  /// Segments up to the last token of a sequence.
  private func segments(of sequence: Int) -> Int {
    let starts = batch.starts.pointer(as: Int32.self)
    guard starts[sequence + 1] > starts[sequence] else { return 0 }
    let last = Int(batch.positions.pointer(as: Int32.self)[Int(starts[sequence + 1]) - 1])
    return last / Self.segment + 1
  }

  /// The segment in which the first key lies that a sequence's first token of this batch sees.
  private func firstSegment(of sequence: Int) -> Int {
    guard let window else { return 0 }
    let start = Int(batch.starts.pointer(as: Int32.self)[sequence])
    return max(0, Int(batch.positions.pointer(as: Int32.self)[start]) + 1 - window) / Self.segment
  }

  /// The tile with a running number. Later tiles of a sequence see more keys, so they come first.
  private func tile(_ number: Int) -> QueryTile {
    let starts = batch.starts.pointer(as: Int32.self)
    var rest = number
    var sequence = 0
    while true {
      let rows = Int(starts[sequence + 1] - starts[sequence]) * group
      let tiles = (rows + Self.tileRows - 1) / Self.tileRows
      if rest < tiles * cache.keyHeads {
        let firstRow = (tiles - 1 - rest / cache.keyHeads) * Self.tileRows
        return QueryTile(
          sequence: sequence, keyHead: rest % cache.keyHeads, firstRow: firstRow,
          rowCount: min(Self.tileRows, rows - firstRow))
      }
      rest -= tiles * cache.keyHeads
      sequence += 1
    }
  }

  // MARK: A tile and all its segments on one thread

  private func runWhole(_ stream: Stream, tileCount: Int) throws(RuntimeError) {
    let kernels = stream.kernels
    let view = view
    let work = workFloats
    let scratch = try stream.scratch(bytes: stream.pool.threadCount * work * 4)
    stream.pool.forEachRange(tileCount, grain: 1) { numbers, thread in
      let memory = (scratch + thread * work * 4).assumingMemoryBound(to: Float.self)
      for number in numbers {
        let tile = tile(number)
        let load = TileWork(self, memory)
        let keys = gather(tile, load, kernels)
        let states = memory + (work - 2 * stateFloats)
        let (total, part) = (state(states), state(states + stateFloats))
        var segment = keys.lowerBound / Self.segment
        attend(tile, load, view, kernels, segment: segment, into: total)
        segment += 1
        while segment * Self.segment < keys.upperBound {
          attend(tile, load, view, kernels, segment: segment, into: part)
          merge(part, into: total, rows: tile.rowCount, kernels)
          segment += 1
        }
        write(total, of: tile, kernels)
      }
    }
  }

  // MARK: Segments of a tile on several threads

  private func runSplit(_ stream: Stream, segmentCount: Int) throws(RuntimeError) {
    let kernels = stream.kernels
    let view = view
    let work = workFloats
    let threads = stream.pool.threadCount
    let scratch = try stream.scratch(bytes: (threads * work + segmentCount * stateFloats) * 4)
    let states = (scratch + threads * work * 4).assumingMemoryBound(to: Float.self)
    var pieces: [(tile: QueryTile, segment: Int, count: Int)] = []
    pieces.reserveCapacity(segmentCount)
    var number = 0
    while pieces.count < segmentCount {
      let tile = tile(number)
      let range = firstSegment(of: tile.sequence)..<segments(of: tile.sequence)
      for segment in range { pieces.append((tile, segment, range.count)) }
      number += 1
    }
    stream.pool.forEachRange(segmentCount, grain: 1) { range, thread in
      let memory = (scratch + thread * work * 4).assumingMemoryBound(to: Float.self)
      for index in range {
        let load = TileWork(self, memory)
        _ = gather(pieces[index].tile, load, kernels)
        attend(
          pieces[index].tile, load, view, kernels, segment: pieces[index].segment,
          into: state(states + index * stateFloats))
      }
    }
    var first = 0
    while first < segmentCount {
      let (tile, _, count) = pieces[first]
      let total = state(states + first * stateFloats)
      for later in first + 1..<first + count {
        merge(state(states + later * stateFloats), into: total, rows: tile.rowCount, kernels)
      }
      write(total, of: tile, kernels)
      first += count
    }
  }

  // MARK: Parts

  /// A thread's memory for one tile.
  private struct TileWork {
    let queries: UnsafeMutablePointer<Float>
    let scores: UnsafeMutablePointer<Float>
    let firsts: UnsafeMutablePointer<Int32>
    let limits: UnsafeMutablePointer<Int32>

    init(_ attention: PagedAttention, _ memory: UnsafeMutablePointer<Float>) {
      scores = memory
      queries = memory + PagedAttention.tileRows * PagedAttention.segment
      let tail = queries + PagedAttention.tileRows * attention.cache.headDimension
      firsts = UnsafeMutableRawPointer(tail).assumingMemoryBound(to: Int32.self)
      limits = firsts + PagedAttention.tileRows
    }
  }

  private func state(_ memory: UnsafeMutablePointer<Float>) -> martlet_attention_state {
    martlet_attention_state(
      maximum: memory, sum: memory + Self.tileRows, output: memory + 2 * Self.tileRows)
  }

  /// Copies the tile's queries as f32 rows and notes which keys each row sees; returns the keys that any sees.
  private func gather(_ tile: QueryTile, _ work: TileWork, _ kernels: martlet_kernels) -> Range<Int> {
    let dimension = cache.headDimension
    let size = queries.dtype.blockBytes
    let start = Int(batch.starts.pointer(as: Int32.self)[tile.sequence])
    let positions = batch.positions.pointer(as: Int32.self)
    var nearest = Int32.max
    var furthest: Int32 = 0
    let reach = Int32(clamping: window ?? .max)
    for row in 0..<tile.rowCount {
      let (token, member) = ((tile.firstRow + row) / group, (tile.firstRow + row) % group)
      let head = tile.keyHead * group + member
      kernels.convert(
        queries.dtype.code, queries[start + token] + head * dimension * size, DType.f32.code,
        work.queries + row * dimension, dimension)
      work.limits[row] = positions[start + token] + 1
      work.firsts[row] = max(0, work.limits[row] - reach)
      nearest = min(nearest, work.firsts[row])
      furthest = max(furthest, work.limits[row])
    }
    return Int(nearest)..<Int(furthest)
  }

  private func attend(
    _ tile: QueryTile, _ work: TileWork, _ view: martlet_kv_view, _ kernels: martlet_kernels, segment: Int,
    into state: martlet_attention_state
  ) {
    var view = view
    let table = batch.blockTables.pointer(as: Int32.self) + tile.sequence * batch.blockTables.shape[1]
    kernels.attend(
      &view, table, tile.keyHead, work.queries, cache.headDimension, work.firsts, work.limits, tile.rowCount,
      segment * Self.segment, (segment + 1) * Self.segment, work.scores, state)
  }

  private func merge(
    _ later: martlet_attention_state, into total: martlet_attention_state, rows: Int, _ kernels: martlet_kernels
  ) {
    for row in 0..<rows {
      kernels.merge(
        total.maximum + row, total.sum + row, total.output + row * cache.paddedDimension, later.maximum[row],
        later.sum[row], later.output + row * cache.paddedDimension, cache.paddedDimension)
    }
  }

  private func write(_ state: martlet_attention_state, of tile: QueryTile, _ kernels: martlet_kernels) {
    let dimension = cache.headDimension
    let size = out.dtype.blockBytes
    let start = Int(batch.starts.pointer(as: Int32.self)[tile.sequence])
    for row in 0..<tile.rowCount {
      let (token, member) = ((tile.firstRow + row) / group, (tile.firstRow + row) % group)
      let head = tile.keyHead * group + member
      kernels.scale_out(
        state.output + row * cache.paddedDimension, 1 / state.sum[row], out.dtype.code,
        out[start + token] + head * dimension * size, dimension)
    }
  }
}
