// Products of few rows, whose x `FusedRows.cuh` has brought: which pairs of rows of weights a group of lanes takes, how they
// come to it, and what becomes of their sums.

/// Rows of the weights that a pair holds.
INLINE void rows_of_pair(const martlet_gpu_fused_linear &a, int pair, int &first, int &second) {
  if (a.ending == MARTLET_GPU_GATED) {
    first = pair;
    second = a.pairs + pair;
  } else if (a.ending == MARTLET_GPU_ROTATED) {
    const int half = a.cache.dimension / 2;
    first = pair / half * a.cache.dimension + pair % half;
    second = first + half;
  } else if (a.pairs == a.rows) {
    first = second = pair;
  } else {
    first = 2 * pair;
    second = min(first + 1, a.rows - 1);
  }
}

/// A number and its place as one integer: the largest is the first of the largest numbers.
INLINE u64 candidate(float v, int place) { return (u64)((u32)order_of(v) ^ 0x80000000u) << 32 | (u32)~place; }
INLINE u64 better(u64 a, u64 b) { return a > b ? a : b; }

/// What finishing a pair takes from memory, read while its products are under way.
struct pair_ending {
  u32 bias[2];
  u32 known[2];  ///< the residual, or a cosine and a sine
  int slot;      ///< of the cache

  INLINE void read(const martlet_gpu_fused_linear &a, int token, int row, int other) {
    bias[0] = bias[1] = known[0] = known[1] = 0;
    slot = -1;
    if (a.bias) {
      bias[0] = load_fresh_bits(a.bias_type, a.bias, row);
      bias[1] = load_fresh_bits(a.bias_type, a.bias, other);
    }
    if (a.ending == MARTLET_GPU_ADDED) {
      known[0] = load_fresh_bits(a.out.type, a.out.base, (i64)token * a.out.stride + row);
      known[1] = load_fresh_bits(a.out.type, a.out.base, (i64)token * a.out.stride + other);
    } else if (a.ending == MARTLET_GPU_ROTATED) {
      const float *cosines = a.rotations + (i64)token * a.cache.dimension + row % a.cache.dimension;
      known[0] = load_fresh_bits(F32, cosines, 0);
      known[1] = load_fresh_bits(F32, cosines, a.cache.dimension / 2);
      slot = a.slots[token];
    }
  }
};

/// Turns two elements of a head, or leaves values as they are, and puts them where attention looks for them.
INLINE void finish_rotated(
    const martlet_gpu_fused_linear &a, int token, int row, float first, float second, const pair_ending &ending) {
  const int dimension = a.cache.dimension, half = dimension / 2, type = a.out.type;
  const int head = row / dimension, i = row % dimension, key_head = head - a.heads;
  first = rounded_as(type, first);
  second = rounded_as(type, second);
  if (key_head < a.cache.key_heads) turn(first, second, __uint_as_float(ending.known[0]), __uint_as_float(ending.known[1]));
  if (key_head < 0) {
    const i64 place = (i64)token * a.out.stride + (i64)head * dimension + i;
    store_one(type, a.out.base, place, first);
    store_one(type, a.out.base, place + half, second);
    return;
  }
  const int slot = ending.slot;
  if (slot < 0) return;
  const bool is_value = key_head >= a.cache.key_heads;
  u8 *block = cache_head(
      a.cache, is_value ? a.cache.values : a.cache.keys, slot / CACHE_BLOCK, key_head % a.cache.key_heads);
  const i64 place = (i64)(slot % CACHE_BLOCK) * a.cache.padded + i;
  store_one(a.cache.type, block, place, rounded_as(type, first));
  store_one(a.cache.type, block, place + half, rounded_as(type, second));
}

/// What becomes of a pair of sums of one token.
INLINE void finish_pair(
    const martlet_gpu_fused_linear &a, int token, int row, int other, float first, float second,
    const pair_ending &ending, u64 &best) {
  const int type = a.out.type;
  if (a.bias) {
    first += widen_bits(a.bias_type, ending.bias[0]);
    second += widen_bits(a.bias_type, ending.bias[1]);
  }
  const i64 start = (i64)token * a.out.stride;
  switch (a.ending) {
    case MARTLET_GPU_ADDED:
      first = widen_bits(type, ending.known[0]) + rounded_as(type, first);
      second = widen_bits(type, ending.known[1]) + rounded_as(type, second);
      break;
    case MARTLET_GPU_GATED: {
      const float gate = rounded_as(type, first);
      const float v = rounded_as(type, second) * rounded_as(type, gate / (1.0f + expf(-gate)));
      store_one(type, a.out.base, start + row, v);
      return;
    }
    case MARTLET_GPU_ROTATED: finish_rotated(a, token, row, first, second, ending); return;
    case MARTLET_GPU_CHOSEN: best = better(best, better(candidate(first, row), candidate(second, other))); break;
    default: break;
  }
  store_one(type, a.out.base, start + row, first);
  if (other != row) store_one(type, a.out.base, start + other, second);
}

/// The largest logits of all blocks: the last block to come chooses among them.
template <int TOKENS>
INLINE void choose(const martlet_gpu_fused_linear &a, const fused_memory &m, u64 best) {
  __shared__ int is_last;
  if (lane_index() < TOKENS) m.candidates[group_index() * TOKENS + lane_index()] = best;
  __syncthreads();
  if (threadIdx.x < a.tokens) {
    for (int i = 1; i < FUSED_GROUPS; i++) best = better(best, m.candidates[i * TOKENS + threadIdx.x]);
    a.candidates[(i64)threadIdx.x * gridDim.x + blockIdx.x] = best;
    __threadfence();
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    is_last = atomicAdd(a.ticket, 1) == gridDim.x - 1;
    __threadfence();
  }
  __syncthreads();
  if (!is_last) return;
  for (int token = group_index(); token < a.tokens; token += FUSED_GROUPS) {
    u64 largest = 0;
    for (int i = lane_index(); i < gridDim.x; i += GROUP)
      largest = better(largest, ((volatile u64 *)a.candidates)[(i64)token * gridDim.x + i]);
#pragma unroll
    for (int mask = GROUP / 2; mask > 0; mask /= 2) largest = better(largest, from_lane_xor(largest, mask));
    if (lane_index() == 0) {
      const int place = (int)~(u32)largest;
      a.choices[token] = place;
      store_one(a.out.type, a.chosen, token, load_one(a.out.type, a.out.base, (i64)token * a.out.stride + place));
    }
  }
  if (threadIdx.x == 0) *a.ticket = 0;
}

/// Weights that are read where they lie, whole rows at a time. What comes first is brought nearer meanwhile.
struct whole_rows {
  const martlet_gpu_fused_linear &a;
  int end;
  INLINE whole_rows(const martlet_gpu_fused_linear &a, const fused_memory &, int first_pair, int end) : a(a), end(end) {
    bring(first_pair, a.early);
  }
  INLINE void bring(int pair, int size) const {
    if (lane_index() > 1 || pair >= end || size == 0) return;
    int row, other;
    rows_of_pair(a, pair, row, other);
    prefetch_bytes((const u8 *)a.weight + (lane_index() == 0 ? row : other) * a.row_bytes, size);
  }
  /// Brings the pair after this one nearer.
  INLINE void begin(int next) const { bring(next, a.ahead); }
  INLINE int pieces() const { return 1; }
  INLINE int columns() const { return a.columns; }
  INLINE void wait(const u8 *&, const u8 *&) {}
  INLINE void release() {}
};

/// One of two types.
template <bool FIRST, class A, class B>
struct pick {
  typedef A type;
};
template <class A, class B>
struct pick<false, A, B> {
  typedef B type;
};

/// Weights that are copied ahead, a piece of a row at a time: for blocks, whose parts are too small to be read one by one
/// from far away.
struct copied_rows {
  const martlet_gpu_fused_linear &a;
  weight_pieces ring;
  int pair, end, piece;  ///< what is fetched next

  INLINE copied_rows(const martlet_gpu_fused_linear &a, const fused_memory &m, int first_pair, int end)
      : a(a), pair(first_pair), end(end), piece(0) {
    ring.stages = a.stages;
    ring.bytes = a.stage_bytes;
    ring.memory = m.ring + (i64)group_index() * a.stages * 2 * a.stage_bytes;
    ring.full = m.barriers + group_index() * MOST_STAGES;
    ring.begin();
    for (int i = 0; i < a.stages; i++) fetch(i);
  }
  INLINE void begin(int) const {}
  INLINE int pieces() const { return a.pieces; }
  INLINE int columns() const { return a.piece_columns; }
  INLINE void wait(const u8 *&first, const u8 *&second) { ring.wait(first, second); }
  INLINE void release() { fetch(ring.release()); }

  INLINE void fetch(int into) {
    if (pair >= end) return;
    int row, other;
    rows_of_pair(a, pair, row, other);
    const u8 *start = (const u8 *)a.weight + (i64)piece * a.piece_bytes;
    const bool is_last = piece == a.pieces - 1;
    const int size = is_last ? (int)(a.row_bytes - (i64)piece * a.piece_bytes) : a.piece_bytes;
    ring.fetch(into, start + row * a.row_bytes, start + other * a.row_bytes, size);
    piece = is_last ? 0 : piece + 1;
    if (is_last) pair += FUSED_GROUPS;
  }
};

/// Which pairs a group of lanes takes: first those that have their place, then whichever is next, since multiprocessors are not
/// equally fast. Who takes a pair changes no bit of it.
struct pair_order {
  const martlet_gpu_fused_linear &a;
  int first, end;

  INLINE pair_order(const martlet_gpu_fused_linear &a) : a(a) {
    first = (int)((i64)a.shared_out * blockIdx.x / gridDim.x) + group_index();
    end = (int)((i64)a.shared_out * (blockIdx.x + 1) / gridDim.x);
    if (first >= end) first = a.pairs;
  }

  /// Asks for the pair after this one, in time for the answer to come while this one is multiplied. Lane 0 has the answer.
  INLINE int after(int pair) const {
    return pair + FUSED_GROUPS < end ? pair + FUSED_GROUPS : take();
  }
  INLINE int pair_of(int answer) const { return from_lane(answer, 0); }

  /// Where pairs are left to be taken, everybody has one with a place, and asks until there are no more, so that the last one
  /// to ask sets the count back to zero.
  INLINE int take() const {
    const u32 open = a.pairs - a.shared_out;
    if (open == 0 || lane_index() > 0) return a.pairs;
    const u32 asked = atomicAdd(a.taken, 1u);
    if (asked == open + gridDim.x * FUSED_GROUPS - 1) *a.taken = 0;
    return a.shared_out + (int)min(asked, open);
  }
};

/// The whole of it. `add(first, second, piece's first column, its columns, sums)` adds a piece's products to the sums.
template <int TYPE, int TOKENS, class WEIGHTS, class ADD>
INLINE void multiply_fused(const martlet_gpu_fused_linear &a, const fused_memory &m, const ADD &add) {
  const pair_order order(a);
  WEIGHTS weights(a, m, order.first, order.end);
  release_next_kernel();
  put_rows<TYPE, TOKENS>(a, m);
  __syncthreads();

  u64 best = 0;
  for (int pair = order.first, next; pair < a.pairs; pair = order.pair_of(next)) {
    next = order.after(pair);
    weights.begin(next);
    int row, other;
    rows_of_pair(a, pair, row, other);
    pair_ending ending;
    if (lane_index() < a.tokens) ending.read(a, lane_index(), row, other);
    float sums[2][TOKENS];
#pragma unroll
    for (int t = 0; t < TOKENS; t++) sums[0][t] = sums[1][t] = 0;
    for (int piece = 0; piece < weights.pieces(); piece++) {
      const int column = piece * weights.columns();
      const u8 *start = (const u8 *)a.weight + (i64)piece * a.piece_bytes;
      const u8 *first = start + row * a.row_bytes, *second = start + other * a.row_bytes;
      weights.wait(first, second);
      add(first, second, column, min(weights.columns(), a.columns - column), sums);
      weights.release();
    }
    // Lane t takes the sums of token t.
    float mine = 0, partner = 0;
#pragma unroll
    for (int t = 0; t < TOKENS; t++) {
      const float one = sum_lanes(sums[0][t]), two = sum_lanes(sums[1][t]);
      if (lane_index() == t) {
        mine = one;
        partner = two;
      }
    }
    if (lane_index() < a.tokens) finish_pair(a, lane_index(), row, other, mine, partner, ending, best);
  }
  if (a.ending == MARTLET_GPU_CHOSEN) choose<TOKENS>(a, m, best);
}
