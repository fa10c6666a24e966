// Products of few rows with the norm ahead of them and what becomes of their sums. Every multiprocessor has one block, and
// each of its groups of lanes walks over pairs of rows. Sums, norms and roundings are those of the operators one by one.

enum { FUSED_THREADS = 256, FUSED_GROUPS = FUSED_THREADS / GROUP, FUSED_STEP = FUSED_THREADS * CHUNK, MOST_STAGES = 8 };

INLINE float rounded_as(int type, float v) { return type == F16 ? rounded<f16>(v) : type == BF16 ? rounded<bf16>(v) : v; }

/// A block's shared memory. Rows of x are elements of its type, or groups of 32 bytes: first the low halves of all groups,
/// then the high ones, then each group's scale and that times its sum.
struct fused_memory {
  u64 *barriers;    ///< `[groups of lanes][stages]`
  float *sums;      ///< `[tokens][groups of lanes]`
  u64 *candidates;  ///< `[groups of lanes][tokens]`
  u8 *x, *ring;

  template <bool BLOCKS, int TOKENS>
  INLINE static fused_memory of(u8 *memory, int columns, int type_bytes) {
    fused_memory m;
    m.barriers = (u64 *)memory;
    m.candidates = (u64 *)(memory + FUSED_GROUPS * MOST_STAGES * 8);
    m.sums = (float *)m.candidates;
    m.x = memory + FUSED_GROUPS * MOST_STAGES * 8 + FUSED_GROUPS * 8 * 8;
    m.ring = m.x + ((BLOCKS ? TOKENS * (columns + columns / 4) : TOKENS * columns * type_bytes) + 127) / 128 * 128;
    return m;
  }
};

/// Eight elements of a row to shared memory, as they are.
template <int TYPE, int TOKENS>
INLINE void put(const fused_memory &m, int columns, int token, int column, bool is_valid, const float *v) {
  const i64 place = (i64)token * columns + column;
  if (is_valid) store(TYPE, m.x, place, CHUNK, true, v);
}

/// The same in 8 bits, four lanes a group of 32 columns; all lanes take part. The numbers are those of `quantize`.
template <int TOKENS>
INLINE void put_quantized(const fused_memory &m, int columns, int token, int column, bool is_valid, const float *v) {
  int bits = 0;
#pragma unroll
  for (int k = 0; k < CHUNK; k++) bits = max(bits, __float_as_int(fabsf(v[k])));
  bits = max(bits, from_lane_xor(bits, 1));
  bits = max(bits, from_lane_xor(bits, 2));
  const float largest = __int_as_float(bits);
  const bool tiny = largest < 0x1p-120f, usable = !tiny && bits < 0x7f800000;
  const float scale = usable ? largest / 127.0f : tiny ? 0.0f : __int_as_float(0x7fc00000);
  const float inverse = 127.0f / largest;
  u32 words[2] = {0, 0};
  int sum = 0;
#pragma unroll
  for (int k = 0; k < CHUNK; k++) {
    const int quant = usable ? (int)rintf(v[k] * inverse) : 0;
    words[k / 4] |= (u32)(quant & 0xff) << (8 * (k % 4));
    sum += quant;
  }
  sum += from_lane_xor(sum, 1);
  sum += from_lane_xor(sum, 2);
  if (!is_valid) return;
  const int groups = columns / 32, group = token * groups + column / 32, part = column % 32 / CHUNK;
  *(uint2 *)(m.x + (part / 2 * TOKENS * groups + group) * 16 + part % 2 * 8) = make_uint2(words[0], words[1]);
  if (part == 0) ((float2 *)(m.x + TOKENS * columns))[group] = make_float2(scale, scale * (float)sum);
}

/// Rows of x to shared memory: normalised if there is a gain, and in 8 bits for weights in blocks.
template <int TYPE, int TOKENS>
INLINE void put_rows(const martlet_gpu_fused_linear &a, const fused_memory &m) {
  constexpr bool BLOCKS = block_size(TYPE) > 1;
  const int type = BLOCKS ? a.x.type : TYPE;
  const auto emit = [&](int token, int column, bool is_valid, const float *v) {
    if constexpr (BLOCKS) put_quantized<TOKENS>(m, a.columns, token, column, is_valid, v);
    else put<TYPE, TOKENS>(m, a.columns, token, column, is_valid, v);
  };
  const auto fetch = [&](int token, int column, float *v) {
#pragma unroll
    for (int k = 0; k < CHUNK; k++) v[k] = 0;
    if (column < a.columns) load_fresh(type, a.x.base, (i64)min(token, a.tokens - 1) * a.x.stride + column, v);
  };
  const int own = threadIdx.x * CHUNK;
  if (!a.norm) {
    wait_for_last_kernel();
    // Reads of several chunks under way at once.
    constexpr int AHEAD = TOKENS == 1 ? 4 : 1;
    for (int base = 0; base < a.columns; base += AHEAD * FUSED_STEP) {
      float v[AHEAD][TOKENS][CHUNK];
#pragma unroll
      for (int i = 0; i < AHEAD; i++)
#pragma unroll
        for (int t = 0; t < TOKENS; t++) fetch(t, base + i * FUSED_STEP + own, v[i][t]);
#pragma unroll
      for (int i = 0; i < AHEAD; i++) {
        const int column = base + i * FUSED_STEP + own;
        if (base + i * FUSED_STEP >= a.columns) break;
#pragma unroll
        for (int t = 0; t < TOKENS; t++) emit(t, column, column < a.columns, v[i][t]);
      }
    }
    return;
  }
  // With one row, what each thread needs twice stays where it is, up to two chunks of it.
  constexpr int KEPT = TOKENS == 1 ? 2 : 0;
  float kept[KEPT + 1][CHUNK], gain[KEPT + 1][CHUNK];
#pragma unroll
  for (int i = 0; i < KEPT; i++) {
    const int column = i * FUSED_STEP + own;
    if (column < a.columns) load(a.norm_type, a.norm, column, CHUNK, true, gain[i]);
  }
  wait_for_last_kernel();
  float squares[TOKENS];
#pragma unroll
  for (int t = 0; t < TOKENS; t++) squares[t] = 0;
#pragma unroll
  for (int i = 0; i < KEPT; i++) fetch(0, i * FUSED_STEP + own, kept[i]);
#pragma unroll
  for (int i = 0; i < KEPT; i++)
#pragma unroll
    for (int k = 0; k < CHUNK; k++) squares[0] = fmaf(kept[i][k], kept[i][k], squares[0]);
  for (int base = KEPT * FUSED_STEP; base < a.columns; base += FUSED_STEP) {
#pragma unroll
    for (int t = 0; t < TOKENS; t++) {
      float v[CHUNK];
      fetch(t, base + own, v);
#pragma unroll
      for (int k = 0; k < CHUNK; k++) squares[t] = fmaf(v[k], v[k], squares[t]);
    }
  }
#pragma unroll
  for (int t = 0; t < TOKENS; t++) {
    const float sum = sum_lanes(squares[t]);
    if (lane_index() == 0) m.sums[t * FUSED_GROUPS + group_index()] = sum;
  }
  __syncthreads();
  float scale[TOKENS];
#pragma unroll
  for (int t = 0; t < TOKENS; t++) {
    float total = 0;
#pragma unroll
    for (int i = 0; i < FUSED_GROUPS; i++) total += m.sums[t * FUSED_GROUPS + i];
    scale[t] = 1.0f / sqrtf(total / (float)a.columns + a.epsilon);
  }
#pragma unroll
  for (int i = 0; i < KEPT; i++) {
    const int column = i * FUSED_STEP + own;
    if (i * FUSED_STEP >= a.columns) break;
#pragma unroll
    for (int k = 0; k < CHUNK; k++)
      kept[i][k] = column < a.columns ? rounded_as(type, rounded_as(type, kept[i][k] * scale[0]) * gain[i][k]) : 0.0f;
    emit(0, column, column < a.columns, kept[i]);
  }
  for (int base = KEPT * FUSED_STEP; base < a.columns; base += FUSED_STEP) {
    const int column = base + own;
    float weight[CHUNK];
    load(a.norm_type, a.norm, column, a.columns - column, column < a.columns, weight);
#pragma unroll
    for (int t = 0; t < TOKENS; t++) {
      float v[CHUNK];
      fetch(t, column, v);
#pragma unroll
      for (int k = 0; k < CHUNK; k++) v[k] = rounded_as(type, rounded_as(type, v[k] * scale[t]) * weight[k]);
      emit(t, column, column < a.columns, v);
    }
  }
}

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

/// What finishing a pair takes from memory, read while its products are under way: the residual, or a rotation.
INLINE void read_ahead(const martlet_gpu_fused_linear &a, int token, int row, int other, float *known) {
  known[0] = known[1] = 0;
  if (a.ending == MARTLET_GPU_ADDED) {
    known[0] = load_fresh_one(a.out.type, a.out.base, (i64)token * a.out.stride + row);
    known[1] = load_fresh_one(a.out.type, a.out.base, (i64)token * a.out.stride + other);
  } else if (a.ending == MARTLET_GPU_ROTATED) {
    const float *cosines = a.rotations + (i64)token * a.cache.dimension + row % a.cache.dimension;
    known[0] = load_fresh_one(F32, cosines, 0);
    known[1] = load_fresh_one(F32, cosines, a.cache.dimension / 2);
  }
}

/// Turns two elements of a head, or leaves values as they are, and puts them where attention looks for them.
INLINE void finish_rotated(
    const martlet_gpu_fused_linear &a, int token, int row, float first, float second, const float *known) {
  const int dimension = a.cache.dimension, half = dimension / 2, type = a.out.type;
  const int head = row / dimension, i = row % dimension, key_head = head - a.heads;
  first = rounded_as(type, first);
  second = rounded_as(type, second);
  if (key_head < a.cache.key_heads) turn(first, second, known[0], known[1]);
  if (key_head < 0) {
    const i64 place = (i64)token * a.out.stride + (i64)head * dimension + i;
    store_one(type, a.out.base, place, first);
    store_one(type, a.out.base, place + half, second);
    return;
  }
  const int slot = a.slots[token];
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
    const martlet_gpu_fused_linear &a, int token, int row, int other, float first, float second, const float *known,
    u64 &best) {
  const int type = a.out.type;
  if (a.bias) {
    first += load_one(a.bias_type, a.bias, row);
    second += load_one(a.bias_type, a.bias, other);
  }
  const i64 start = (i64)token * a.out.stride;
  switch (a.ending) {
    case MARTLET_GPU_ADDED:
      first = known[0] + rounded_as(type, first);
      second = known[1] + rounded_as(type, second);
      break;
    case MARTLET_GPU_GATED: {
      const float gate = rounded_as(type, first);
      const float v = rounded_as(type, second) * rounded_as(type, gate / (1.0f + expf(-gate)));
      store_one(type, a.out.base, start + row, v);
      return;
    }
    case MARTLET_GPU_ROTATED: finish_rotated(a, token, row, first, second, known); return;
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
  INLINE whole_rows(const martlet_gpu_fused_linear &a, const fused_memory &, int first_pair, int end) : a(a) {
    if (lane_index() > 1 || first_pair >= end) return;
    int row, other;
    rows_of_pair(a, first_pair, row, other);
    prefetch_bytes((const u8 *)a.weight + (lane_index() == 0 ? row : other) * a.row_bytes, a.early);
  }
  INLINE int pieces() const { return 1; }
  INLINE int columns() const { return a.columns; }
  INLINE void wait(const u8 *&, const u8 *&) {}
  INLINE void release() {}
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

/// The whole of it. `add(first, second, piece's first column, its columns, sums)` adds a piece's products to the sums.
template <int TYPE, int TOKENS, class WEIGHTS, class ADD>
INLINE void multiply_fused(const martlet_gpu_fused_linear &a, const fused_memory &m, const ADD &add) {
  const int begin = (int)((i64)a.pairs * blockIdx.x / gridDim.x), end = (int)((i64)a.pairs * (blockIdx.x + 1) / gridDim.x);
  const int first_pair = begin + group_index();
  WEIGHTS weights(a, m, first_pair, end);
  release_next_kernel();
  put_rows<TYPE, TOKENS>(a, m);
  __syncthreads();

  u64 best = 0;
  for (int pair = first_pair; pair < end; pair += FUSED_GROUPS) {
    int row, other;
    rows_of_pair(a, pair, row, other);
    float known[2];
    if (lane_index() < a.tokens) read_ahead(a, lane_index(), row, other, known);
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
    if (lane_index() < a.tokens) finish_pair(a, lane_index(), row, other, mine, partner, known, best);
  }
  if (a.ending == MARTLET_GPU_CHOSEN) choose<TOKENS>(a, m, best);
}
