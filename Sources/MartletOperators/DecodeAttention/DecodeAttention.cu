// Attention of single tokens over the paged cache: a block for a token, a key head and a part of its keys. Groups of lanes
// take sixteen keys in turn, with a softmax of their own (online: Milakov and Gimelshein 2018); what they have is merged in
// one order, which the token's own keys decide. The last block of a head merges the parts (split keys: FlashDecoding,
// 2023). Spills: none.

enum {
  DECODE_THREADS = 256, DECODE_GROUPS = DECODE_THREADS / GROUP, DECODE_SLOTS = DECODE_GROUPS / 2,
  HEADS_AT_ONCE = 8,              ///< query heads of a block
  TILE_KEYS = CACHE_BLOCK,        ///< keys of a group of lanes at once
  ROUND_KEYS = DECODE_GROUPS * TILE_KEYS,
  LEAST_KEYS = 2 * ROUND_KEYS,    ///< of a part that is not the only one
  MOST_SPLITS = 64,
};

/// What a number relative to one maximum is multiplied with for a larger one; both in units of ln 2.
INLINE float factor(float from, float to) { return to == __int_as_float(0xff800000) ? 1.0f : exp2f(from - to); }
INLINE float no_maximum() { return __int_as_float(0xff800000); }

/// What a block works on.
struct decode_part {
  int token, key_head, first_head, rows;  ///< rows: query heads
  int first, limit, fresh;                ///< keys that the token sees; those from `fresh` on are written in this step
  int split, splits, start, stop;         ///< keys of this part
  const int *table;

  INLINE decode_part(const martlet_gpu_decode_attention &a) {
    const int tiles = (a.group + HEADS_AT_ONCE - 1) / HEADS_AT_ONCE;
    split = blockIdx.x;
    token = blockIdx.z;
    key_head = blockIdx.y / tiles;
    first_head = key_head * a.group + blockIdx.y % tiles * HEADS_AT_ONCE;
    rows = min((int)HEADS_AT_ONCE, (key_head + 1) * a.group - first_head);
    limit = a.positions[token] + 1;
    first = a.window > 0 ? max(0, limit - a.window) : 0;
    // The last sequence that starts at or before the token; empty ones start where the next does.
    int low = 0, high = a.sequences - 1;
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (a.starts[middle] <= token) low = middle;
      else high = middle - 1;
    }
    fresh = a.positions[a.starts[low]];
    table = a.tables + (i64)low * a.table_width;
    // How many parts there are depends on the token's keys only.
    const int origin = first / CACHE_BLOCK * CACHE_BLOCK, share = (limit - origin + a.splits - 1) / a.splits;
    const int length = max((int)LEAST_KEYS, (share + ROUND_KEYS - 1) / ROUND_KEYS * ROUND_KEYS);
    splits = (limit - origin + length - 1) / length;
    start = origin + split * length;
    stop = min(start + length, limit);
  }

  /// Where a key lies in its block; one that is seen stands in for those that are not.
  INLINE int place(int key) const { return min(max(key, first), limit - 1) % CACHE_BLOCK; }
  INLINE bool is_seen(int key) const { return key >= first && key < stop; }
};

/// What the groups of lanes have found, for half of them.
template <int WIDTH>
struct decode_results {
  alignas(16) float out[DECODE_SLOTS][HEADS_AT_ONCE][WIDTH];
  float maxima[DECODE_SLOTS][HEADS_AT_ONCE], sums[DECODE_SLOTS][HEADS_AT_ONCE], factors[HEADS_AT_ONCE][MOST_SPLITS];
  int is_last;
};

/// Merges the results and, as the last block of a head, the parts.
template <int WIDTH>
INLINE void finish(const martlet_gpu_decode_attention &a, const decode_part &part, decode_results<WIDTH> &m) {
  constexpr int STATE = WIDTH + 2;
  float *all = a.states + ((i64)part.token * gridDim.y + blockIdx.y) * a.splits * HEADS_AT_ONCE * STATE;
  float *own = all + (i64)part.split * HEADS_AT_ONCE * STATE;
  const i64 out = part.token * a.out.stride + (i64)part.first_head * WIDTH;
  for (int i = threadIdx.x; i < part.rows * WIDTH; i += DECODE_THREADS) {
    const int r = i / WIDTH, column = i % WIDTH;
    float maximum = m.maxima[0][r];
#pragma unroll
    for (int g = 1; g < DECODE_SLOTS; g++) maximum = fmaxf(maximum, m.maxima[g][r]);
    float sum = 0, total = 0;
#pragma unroll
    for (int g = 0; g < DECODE_SLOTS; g++) {
      const float weight = factor(m.maxima[g][r], maximum);
      sum = fmaf(m.sums[g][r], weight, sum);
      total = fmaf(m.out[g][r][column], weight, total);
    }
    if (part.splits == 1) {
      store_one(a.out.type, a.out.base, out + i, total * (1.0f / sum));
    } else {
      own[r * STATE + 2 + column] = total;
      if (column == 0) {
        own[r * STATE] = maximum;
        own[r * STATE + 1] = sum;
      }
    }
  }
  if (part.splits == 1) return;

  __threadfence();
  __syncthreads();
  int *ticket = a.tickets + part.token * gridDim.y + blockIdx.y;
  if (threadIdx.x == 0) {
    m.is_last = atomicAdd(ticket, 1) == part.splits - 1;
    __threadfence();
  }
  __syncthreads();
  if (!m.is_last) return;
  if (threadIdx.x == 0) *ticket = 0;
  // A group of lanes a row finds what each part counts for.
  const volatile float *states = all;
  for (int r = group_index(); r < part.rows; r += DECODE_GROUPS) {
    float largest = no_maximum();
    for (int i = lane_index(); i < part.splits; i += GROUP)
      largest = fmaxf(largest, states[((i64)i * HEADS_AT_ONCE + r) * STATE]);
    largest = max_lanes(largest);
    for (int i = lane_index(); i < part.splits; i += GROUP)
      m.factors[r][i] = factor(states[((i64)i * HEADS_AT_ONCE + r) * STATE], largest);
  }
  __syncthreads();
  for (int i = threadIdx.x; i < part.rows * WIDTH; i += DECODE_THREADS) {
    const int r = i / WIDTH, column = i % WIDTH;
    float sum = 0, total = 0;
#pragma unroll 8
    for (int k = 0; k < part.splits; k++) {
      const volatile float *state = states + ((i64)k * HEADS_AT_ONCE + r) * STATE;
      sum = fmaf(state[1], m.factors[r][k], sum);
      total = fmaf(state[2 + column], m.factors[r][k], total);
    }
    store_one(a.out.type, a.out.base, out + i, total * (1.0f / sum));
  }
}

// --- By the matrix units: caches in f16 and bf16 ---------------------------------------------------------------------

#if defined(MT_PLATFORM_NVIDIA)

template <class C>
INLINE void multiply_add(float *c, const u32 *a, u32 b0, u32 b1);
template <>
INLINE void multiply_add<bf16>(float *c, const u32 *a, u32 b0, u32 b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
template <>
INLINE void multiply_add<f16>(float *c, const u32 *a, u32 b0, u32 b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Two numbers as two of the type, and what rounding took from them as two more.
template <class C>
INLINE void split_pair(float first, float second, u32 &high, u32 &low) {
  const C one = narrow<C>(first), two = narrow<C>(second);
  high = one.bits | (u32)two.bits << 16;
  low = narrow<C>(first - widen(one)).bits | (u32)narrow<C>(second - widen(two)).bits << 16;
}

/// Sixteen keys and values as the matrix units take them. A lane (row, column) of 8 by 4 has the keys `row` and `row + 8`,
/// their dimensions `32 i + 8 column ..< + 8`; and the values of the keys `2 column`, the next, and both plus 8, their
/// dimensions `64 i + 8 row ..< + 8`. In which order dimensions are summed is free, as long as queries have the same.
template <int WIDTH>
struct key_tile {
  uint4 keys[2][WIDTH / 32], values[4][WIDTH / 64];

  INLINE void read(const martlet_gpu_decode_attention &a, const decode_part &part, int base) {
    const int row = lane_index() / 4, column = lane_index() % 4, block = part.table[base / CACHE_BLOCK];
    const u16 *k = (const u16 *)cache_head(a.cache, a.cache.keys, block, part.key_head) + column * CHUNK;
    const u16 *v = (const u16 *)cache_head(a.cache, a.cache.values, block, part.key_head) + row * CHUNK;
#pragma unroll
    for (int n = 0; n < 2; n++)
#pragma unroll
      for (int i = 0; i < WIDTH / 32; i++)
        keys[n][i] = *(const uint4 *)(k + part.place(base + 8 * n + row) * WIDTH + 32 * i);
#pragma unroll
    for (int n = 0; n < 4; n++)
#pragma unroll
      for (int i = 0; i < WIDTH / 64; i++)
        values[n][i] = *(const uint4 *)(v + part.place(base + n / 2 * 8 + 2 * column + n % 2) * WIDTH + 64 * i);
  }
};

INLINE u32 word_of(const uint4 &v, int i) { return i == 0 ? v.x : i == 1 ? v.y : i == 2 ? v.z : v.w; }

/// Rows of the matrices are the query heads, and below them what rounding took from queries and weights: sums are as exact
/// as with f32.
template <class C, int WIDTH>
INLINE void attend(const martlet_gpu_decode_attention &a) {
  __shared__ decode_results<WIDTH> m;
  release_next_kernel();
  const decode_part part(a);
  if (part.split >= part.splits) return;
  const int row = lane_index() / 4, column = lane_index() % 4;
  const int first_base = part.start + group_index() * TILE_KEYS;
  // Keys of earlier steps do not wait for this one.
  const bool is_early = first_base + TILE_KEYS <= part.fresh;
  key_tile<WIDTH> tile;
  if (first_base < part.stop && is_early) tile.read(a, part, first_base);
  wait_for_last_kernel();
  if (first_base < part.stop && !is_early) tile.read(a, part, first_base);

  u32 queries[WIDTH / 16][4];
  const float scale = a.scale * 1.44269504f;
  const i64 query = part.token * a.queries.stride + (i64)(part.first_head + row) * WIDTH;
#pragma unroll
  for (int i = 0; i < WIDTH / 32; i++) {
    float q[CHUNK] = {0, 0, 0, 0, 0, 0, 0, 0};
    if (row < part.rows) load_fresh(a.queries.type, a.queries.base, query + 32 * i + column * CHUNK, q);
#pragma unroll
    for (int j = 0; j < 4; j++)
      split_pair<C>(q[2 * j], q[2 * j + 1], queries[2 * i + j / 2][j % 2 * 2], queries[2 * i + j / 2][j % 2 * 2 + 1]);
  }
  float maximum = no_maximum(), sum = 0, out[WIDTH / 8][4];
#pragma unroll
  for (int i = 0; i < WIDTH / 8; i++)
#pragma unroll
    for (int k = 0; k < 4; k++) out[i][k] = 0;

  for (int base = first_base; base < part.stop; base += ROUND_KEYS) {
    // The next tile is on its way meanwhile, where registers go that far.
    const key_tile<WIDTH> now = tile;
    if (WIDTH <= 64 && base + ROUND_KEYS < part.stop) tile.read(a, part, base + ROUND_KEYS);
    float scores[4], top = maximum;
#pragma unroll
    for (int n = 0; n < 2; n++) {
      float c[4] = {0, 0, 0, 0};
#pragma unroll
      for (int s = 0; s < WIDTH / 16; s++)
        multiply_add<C>(c, queries[s], word_of(now.keys[n][s / 2], s % 2 * 2), word_of(now.keys[n][s / 2], s % 2 * 2 + 1));
#pragma unroll
      for (int k = 0; k < 2; k++) {
        const bool is_seen = part.is_seen(base + 8 * n + 2 * column + k);
        scores[2 * n + k] = is_seen ? (c[k] + c[k + 2]) * scale : no_maximum();
        top = fmaxf(top, scores[2 * n + k]);
      }
    }
    top = fmaxf(top, from_lane_xor(top, 1));
    top = fmaxf(top, from_lane_xor(top, 2));
    const float keep = factor(maximum, top), reference = top == no_maximum() ? 0.0f : top;
    maximum = top;
    sum *= keep;
#pragma unroll
    for (int k = 0; k < 4; k++) {
      scores[k] = exp2f(scores[k] - reference);
      sum += scores[k];
    }
    u32 weights[4];
    split_pair<C>(scores[0], scores[1], weights[0], weights[1]);
    split_pair<C>(scores[2], scores[3], weights[2], weights[3]);
#pragma unroll
    for (int i = 0; i < WIDTH / 8; i++) {
#pragma unroll
      for (int k = 0; k < 4; k++) out[i][k] *= keep;
      const u32 order = i % 2 ? 0x7632 : 0x5410;
      const u32 v[4] = {word_of(now.values[0][i / 8], i % 8 / 2), word_of(now.values[1][i / 8], i % 8 / 2),
                        word_of(now.values[2][i / 8], i % 8 / 2), word_of(now.values[3][i / 8], i % 8 / 2)};
      multiply_add<C>(out[i], weights, select_bytes(v[0], v[1], order), select_bytes(v[2], v[3], order));
    }
    if (WIDTH > 64 && base + ROUND_KEYS < part.stop) tile.read(a, part, base + ROUND_KEYS);
  }

  sum += from_lane_xor(sum, 1);
  sum += from_lane_xor(sum, 2);
  const int slot = group_index() % DECODE_SLOTS;
#pragma unroll
  for (int half = 1; half >= 0; half--) {
    if (group_index() / DECODE_SLOTS == half && row < part.rows) {
      float keep = 1, add = 0;
      if (half == 0) {
        const float top = fmaxf(maximum, m.maxima[slot][row]);
        keep = factor(maximum, top);
        add = factor(m.maxima[slot][row], top);
        maximum = top;
        sum = fmaf(m.sums[slot][row], add, sum * keep);
      }
#pragma unroll
      for (int i = 0; i < WIDTH / 8; i++) {
#pragma unroll
        for (int k = 0; k < 2; k++) {
          float *place = &m.out[slot][row][i / 8 * 64 + (2 * column + k) * 8 + i % 8];
          const float v = out[i][k] + out[i][k + 2];
          *place = half == 0 ? fmaf(*place, add, v * keep) : v;
        }
      }
    }
    sync_lanes();
    if (group_index() / DECODE_SLOTS == half && row < part.rows && column == 0) {
      m.maxima[slot][row] = maximum;
      m.sums[slot][row] = sum;
    }
    __syncthreads();
  }
  finish(a, part, m);
}

#define ATTEND(NAME, C, WIDTH)   KERNEL_TOGETHER(DECODE_THREADS, 1) attend_##NAME##_##WIDTH(const martlet_gpu_decode_attention a) { attend<C, WIDTH>(a); }
ATTEND(f16, f16, 64)
ATTEND(f16, f16, 128)
ATTEND(bf16, bf16, 64)
ATTEND(bf16, bf16, 128)
#undef ATTEND

#endif

// --- By the lanes: every cache ---------------------------------------------------------------------------------------

/// A group of lanes takes its sixteen keys one pair of dimensions a lane; all query heads one after the other.
template <class C, int WIDTH>
INLINE void attend_by_lanes(const martlet_gpu_decode_attention &a) {
  constexpr int LANES = WIDTH / CHUNK, SIDES = GROUP / LANES, PARTS = WIDTH / GROUP;
  __shared__ decode_results<WIDTH> m;
  __shared__ alignas(16) float queries[HEADS_AT_ONCE][WIDTH];
  __shared__ float weights[DECODE_GROUPS][HEADS_AT_ONCE][TILE_KEYS];
  release_next_kernel();
  const decode_part part(a);
  if (part.split >= part.splits) return;
  wait_for_last_kernel();
  const i64 query = part.token * a.queries.stride + (i64)part.first_head * WIDTH;
  for (int i = threadIdx.x * CHUNK; i < part.rows * WIDTH; i += DECODE_THREADS * CHUNK)
    load_fresh(a.queries.type, a.queries.base, query + i, queries[0] + i);
  __syncthreads();
  const float scale = a.scale * 1.44269504f;
  const int side = lane_index() / LANES, chunk = lane_index() % LANES * CHUNK;
  float(*own)[TILE_KEYS] = weights[group_index()];
  float maxima[HEADS_AT_ONCE], sums[HEADS_AT_ONCE], out[HEADS_AT_ONCE][PARTS];
#pragma unroll
  for (int r = 0; r < HEADS_AT_ONCE; r++) {
    maxima[r] = no_maximum();
    sums[r] = 0;
#pragma unroll
    for (int i = 0; i < PARTS; i++) out[r][i] = 0;
  }
  for (int base = part.start + group_index() * TILE_KEYS; base < part.stop; base += ROUND_KEYS) {
    const int block = part.table[base / CACHE_BLOCK];
    const C *keys = (const C *)cache_head(a.cache, a.cache.keys, block, part.key_head);
    const C *values = (const C *)cache_head(a.cache, a.cache.values, block, part.key_head);
#pragma unroll 2
    for (int n = side; n < TILE_KEYS; n += SIDES) {
      float k[CHUNK];
      load(keys + part.place(base + n) * WIDTH + chunk, CHUNK, true, k);
#pragma unroll
      for (int r = 0; r < HEADS_AT_ONCE; r++) {
        if (r >= part.rows) break;
        float dot = 0;
#pragma unroll
        for (int i = 0; i < CHUNK; i++) dot = fmaf(queries[r][chunk + i], k[i], dot);
        dot = sum_lanes(dot, LANES) * scale;
        if (chunk == 0) own[r][n] = part.is_seen(base + n) ? dot : no_maximum();
      }
    }
    sync_lanes();
#pragma unroll
    for (int r = 0; r < HEADS_AT_ONCE; r++) {
      if (r >= part.rows) break;
      float score = own[r][lane_index() % TILE_KEYS];
      const float top = fmaxf(maxima[r], max_lanes(score)), keep = factor(maxima[r], top);
      score = exp2f(score - (top == no_maximum() ? 0.0f : top));
      sync_lanes();
      own[r][lane_index() % TILE_KEYS] = score;
      maxima[r] = top;
      sums[r] = sums[r] * keep + sum_lanes(score, TILE_KEYS);
#pragma unroll
      for (int i = 0; i < PARTS; i++) out[r][i] *= keep;
    }
    sync_lanes();
#pragma unroll 2
    for (int n = 0; n < TILE_KEYS; n++) {
      float v[PARTS];
#pragma unroll
      for (int i = 0; i < PARTS; i++) v[i] = widen(values[part.place(base + n) * WIDTH + GROUP * i + lane_index()]);
#pragma unroll
      for (int r = 0; r < HEADS_AT_ONCE; r++) {
        if (r >= part.rows) break;
#pragma unroll
        for (int i = 0; i < PARTS; i++) out[r][i] = fmaf(own[r][n], v[i], out[r][i]);
      }
    }
    sync_lanes();
  }
  const int slot = group_index() % DECODE_SLOTS;
#pragma unroll
  for (int half = 1; half >= 0; half--) {
    if (group_index() / DECODE_SLOTS == half) {
#pragma unroll
      for (int r = 0; r < HEADS_AT_ONCE; r++) {
        if (r >= part.rows) break;
        float keep = 1, add = 0;
        if (half == 0) {
          const float top = fmaxf(maxima[r], m.maxima[slot][r]);
          keep = factor(maxima[r], top);
          add = factor(m.maxima[slot][r], top);
          maxima[r] = top;
          sums[r] = fmaf(m.sums[slot][r], add, sums[r] * keep);
        }
#pragma unroll
        for (int i = 0; i < PARTS; i++) {
          float *place = &m.out[slot][r][GROUP * i + lane_index()];
          *place = half == 0 ? fmaf(*place, add, out[r][i] * keep) : out[r][i];
        }
        sync_lanes();
        if (lane_index() == 0) {
          m.maxima[slot][r] = maxima[r];
          m.sums[slot][r] = sums[r];
        }
      }
    }
    __syncthreads();
  }
  finish(a, part, m);
}

#define ATTEND(NAME, C, WIDTH)                                                                            \
  KERNEL_TOGETHER(DECODE_THREADS, 1) attend_##NAME##_##WIDTH(const martlet_gpu_decode_attention a) { \
    attend_by_lanes<C, WIDTH>(a);                                                                         \
  }
ATTEND(f32, float, 64)
ATTEND(f32, float, 128)
#if !defined(MT_PLATFORM_NVIDIA)
ATTEND(f16, f16, 64)
ATTEND(f16, f16, 128)
ATTEND(bf16, bf16, 64)
ATTEND(bf16, bf16, 128)
#endif
