// Attention of single tokens over the paged cache, by the lanes, for every cache and every platform: a block for a part, whose
// groups of lanes take sixteen keys in turn, with a softmax of their own (online: Milakov and Gimelshein 2018); what they
// have is merged in one order, which the token's own keys decide. Spills: none.

enum {
  DECODE_THREADS = 256, DECODE_GROUPS = DECODE_THREADS / GROUP, DECODE_SLOTS = DECODE_GROUPS / 2,
  ROUND_KEYS = DECODE_GROUPS * DECODE_TILE_KEYS, LEAST_KEYS = 2 * ROUND_KEYS,
};

/// What the groups of lanes have found, for half of them.
template <int WIDTH>
struct decode_results {
  alignas(16) float out[DECODE_SLOTS][HEADS_AT_ONCE][WIDTH];
  float maxima[DECODE_SLOTS][HEADS_AT_ONCE], sums[DECODE_SLOTS][HEADS_AT_ONCE];
};

/// Merges the results and, as the last block of a head, the parts.
template <int WIDTH>
INLINE void finish(const martlet_gpu_decode_attention &a, const decode_part &part, decode_results<WIDTH> &m) {
  const decode_states<WIDTH> states(a, part);
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
    if (part.splits == 1) store_one(a.out.type, a.out.base, out + i, total * (1.0f / sum));
    else states.leave(part, r, column, maximum, sum, total);
  }
  if (part.splits > 1) merge_parts<WIDTH>(a, part);
}

/// A group of lanes takes its sixteen keys one pair of dimensions a lane; all query heads one after the other.
template <class C, int WIDTH>
INLINE void attend_by_lanes(const martlet_gpu_decode_attention &a) {
  constexpr int LANES = WIDTH / CHUNK, SIDES = GROUP / LANES, PARTS = WIDTH / GROUP;
  __shared__ decode_results<WIDTH> m;
  __shared__ alignas(16) float queries[HEADS_AT_ONCE][WIDTH];
  __shared__ float weights[DECODE_GROUPS][HEADS_AT_ONCE][DECODE_TILE_KEYS];
  release_next_kernel();
  const decode_part part(a, ROUND_KEYS, LEAST_KEYS, 1);
  if (part.split >= part.splits) return;
  wait_for_last_kernel();
  const i64 query = part.token * a.queries.stride + (i64)part.first_head * WIDTH;
  for (int i = threadIdx.x * CHUNK; i < part.rows * WIDTH; i += DECODE_THREADS * CHUNK)
    load_fresh(a.queries.type, a.queries.base, query + i, queries[0] + i);
  __syncthreads();
  const float scale = a.scale * 1.44269504f;
  const int side = lane_index() / LANES, chunk = lane_index() % LANES * CHUNK;
  float(*own)[DECODE_TILE_KEYS] = weights[group_index()];
  float maxima[HEADS_AT_ONCE], sums[HEADS_AT_ONCE], out[HEADS_AT_ONCE][PARTS];
#pragma unroll
  for (int r = 0; r < HEADS_AT_ONCE; r++) {
    maxima[r] = no_maximum();
    sums[r] = 0;
#pragma unroll
    for (int i = 0; i < PARTS; i++) out[r][i] = 0;
  }
  for (int base = part.start + group_index() * DECODE_TILE_KEYS; base < part.stop; base += ROUND_KEYS) {
    const int block = part.table[base / CACHE_BLOCK];
    const C *keys = (const C *)cache_head(a.cache, a.cache.keys, block, part.key_head);
    const C *values = (const C *)cache_head(a.cache, a.cache.values, block, part.key_head);
#pragma unroll 2
    for (int n = side; n < DECODE_TILE_KEYS; n += SIDES) {
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
      float score = own[r][lane_index() % DECODE_TILE_KEYS];
      const float top = fmaxf(maxima[r], max_lanes(score)), keep = factor(maxima[r], top);
      score = exp2f(score - (top == no_maximum() ? 0.0f : top));
      sync_lanes();
      own[r][lane_index() % DECODE_TILE_KEYS] = score;
      maxima[r] = top;
      sums[r] = sums[r] * keep + sum_lanes(score, DECODE_TILE_KEYS);
#pragma unroll
      for (int i = 0; i < PARTS; i++) out[r][i] *= keep;
    }
    sync_lanes();
#pragma unroll 2
    for (int n = 0; n < DECODE_TILE_KEYS; n++) {
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
