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

/// Heads of tokens in memory: where attention reads queries and writes results.
struct AttentionRows {
  let base: UnsafeMutableRawPointer
  /// Elements from one token to the next, and from one head of a token to the next.
  let tokenStride: Int
  let headStride: Int
  let dtype: DType

  func address(token: Int, head: Int) -> UnsafeMutableRawPointer {
    base + (token * tokenStride + head * headStride) * dtype.blockBytes
  }
}

/// Attention on the processor: tiles of queries that share the keys and values they read, and segments of keys that
/// threads share. Only addresses, which the operator keeps valid while it runs.
struct AttentionTiles {
  private static let tileRows = Int(MARTLET_QUERY_TILE)
  private static let segment = Int(MARTLET_SEGMENT)

  let queries: AttentionRows
  let out: AttentionRows
  let heads: Int
  let keyHeads: Int
  let view: martlet_kv_view
  let sequenceCount: Int
  /// As in ``AttentionBatch``.
  let starts: UnsafePointer<Int32>
  let positions: UnsafePointer<Int32>
  let blockTables: UnsafePointer<Int32>
  let tableWidth: Int
  let window: Int?

  private var dimension: Int { view.head_dim }
  private var paddedDimension: Int { view.padded_dim }

  /// Floats that a thread works in: the tile's queries, its scores, and two states.
  private var workFloats: Int {
    let rows = Self.tileRows
    return rows * dimension + rows * Self.segment + 2 * stateFloats + 2 * rows
  }

  /// Floats of the state of one tile: maximums, sums, outputs.
  private var stateFloats: Int { Self.tileRows * (2 + paddedDimension) }

  private var group: Int { heads / keyHeads }

  func run(on stream: Stream) throws(RuntimeError) {
    var tileCount = 0
    var segmentCount = 0
    for sequence in 0..<sequenceCount {
      let tokens = Int(starts[sequence + 1] - starts[sequence])
      let tiles = (tokens * group + Self.tileRows - 1) / Self.tileRows * keyHeads
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
    guard starts[sequence + 1] > starts[sequence] else { return 0 }
    let last = Int(positions[Int(starts[sequence + 1]) - 1])
    return last / Self.segment + 1
  }

  /// The segment in which the first key lies that a sequence's first token of this batch sees.
  private func firstSegment(of sequence: Int) -> Int {
    guard let window else { return 0 }
    let start = Int(starts[sequence])
    return max(0, Int(positions[start]) + 1 - window) / Self.segment
  }

  /// The tile with a running number. Later tiles of a sequence see more keys, so they come first.
  private func tile(_ number: Int) -> QueryTile {
    var rest = number
    var sequence = 0
    while true {
      let rows = Int(starts[sequence + 1] - starts[sequence]) * group
      let tiles = (rows + Self.tileRows - 1) / Self.tileRows
      if rest < tiles * keyHeads {
        let firstRow = (tiles - 1 - rest / keyHeads) * Self.tileRows
        return QueryTile(
          sequence: sequence, keyHead: rest % keyHeads, firstRow: firstRow,
          rowCount: min(Self.tileRows, rows - firstRow))
      }
      rest -= tiles * keyHeads
      sequence += 1
    }
  }

  // MARK: A tile and all its segments on one thread

  private func runWhole(_ stream: Stream, tileCount: Int) throws(RuntimeError) {
    let kernels = stream.kernels
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
        attend(tile, load, kernels, segment: segment, into: total)
        segment += 1
        while segment * Self.segment < keys.upperBound {
          attend(tile, load, kernels, segment: segment, into: part)
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
          pieces[index].tile, load, kernels, segment: pieces[index].segment,
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

    init(_ attention: AttentionTiles, _ memory: UnsafeMutablePointer<Float>) {
      scores = memory
      queries = memory + AttentionTiles.tileRows * AttentionTiles.segment
      let tail = queries + AttentionTiles.tileRows * attention.dimension
      firsts = UnsafeMutableRawPointer(tail).assumingMemoryBound(to: Int32.self)
      limits = firsts + AttentionTiles.tileRows
    }
  }

  private func state(_ memory: UnsafeMutablePointer<Float>) -> martlet_attention_state {
    martlet_attention_state(
      maximum: memory, sum: memory + Self.tileRows, output: memory + 2 * Self.tileRows)
  }

  /// Copies the tile's queries as f32 rows and notes which keys each row sees; returns the keys that any sees.
  private func gather(_ tile: QueryTile, _ work: TileWork, _ kernels: UnsafePointer<martlet_kernels>) -> Range<Int> {
    let start = Int(starts[tile.sequence])
    var nearest = Int32.max
    var furthest: Int32 = 0
    let reach = Int32(clamping: window ?? .max)
    for row in 0..<tile.rowCount {
      let (token, member) = ((tile.firstRow + row) / group, (tile.firstRow + row) % group)
      let head = tile.keyHead * group + member
      kernels.pointee.convert(
        queries.dtype.code, queries.address(token: start + token, head: head), DType.f32.code,
        work.queries + row * dimension, dimension)
      work.limits[row] = positions[start + token] + 1
      work.firsts[row] = max(0, work.limits[row] - reach)
      nearest = min(nearest, work.firsts[row])
      furthest = max(furthest, work.limits[row])
    }
    return Int(nearest)..<Int(furthest)
  }

  private func attend(
    _ tile: QueryTile, _ work: TileWork, _ kernels: UnsafePointer<martlet_kernels>,
    segment: Int,
    into state: martlet_attention_state
  ) {
    var view = view
    let table = blockTables + tile.sequence * tableWidth
    kernels.pointee.attend(
      &view, table, tile.keyHead, work.queries, dimension, work.firsts, work.limits, tile.rowCount,
      segment * Self.segment, (segment + 1) * Self.segment, work.scores, state)
  }

  private func merge(
    _ later: martlet_attention_state, into total: martlet_attention_state, rows: Int,
    _ kernels: UnsafePointer<martlet_kernels>
  ) {
    for row in 0..<rows {
      kernels.pointee.merge(
        total.maximum + row, total.sum + row, total.output + row * paddedDimension, later.maximum[row],
        later.sum[row], later.output + row * paddedDimension, paddedDimension)
    }
  }

  private func write(_ state: martlet_attention_state, of tile: QueryTile, _ kernels: UnsafePointer<martlet_kernels>) {
    let start = Int(starts[tile.sequence])
    for row in 0..<tile.rowCount {
      let (token, member) = ((tile.firstRow + row) / group, (tile.firstRow + row) % group)
      let head = tile.keyHead * group + member
      kernels.pointee.scale_out(
        state.output + row * paddedDimension, 1 / state.sum[row], out.dtype.code,
        out.address(token: start + token, head: head), dimension)
    }
  }
}
