// Attention of single tokens over the paged cache in f16 and bf16, by the matrix units. On Hopper eight blocks on eight
// multiprocessors work on a part together, since one alone cannot fetch a head's keys fast enough, and read each other's
// shared memory to merge what they have (thread block clusters: CUDA programming guide); elsewhere a block does it alone.
// Groups of lanes take sixteen keys in turn, with a softmax of their own (online: Milakov and Gimelshein 2018). What
// there is to merge, and in which order, the token's own keys decide. Spills: none.

#if defined(MT_PLATFORM_NVIDIA)

enum { DECODE_THREADS = 128, DECODE_GROUPS = DECODE_THREADS / GROUP };

// --- Blocks together -------------------------------------------------------------------------------------------------

#if defined(MT_BULK_COPIES)
#define TOGETHER 8
#define BLOCKS_TOGETHER __cluster_dims__(TOGETHER, 1, 1)

/// All threads of all blocks come here, and see what was written before.
INLINE void sync_blocks() {
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
}
/// The same in halves, where nothing was written yet: all blocks have begun.
INLINE void begin_blocks() { asm volatile("barrier.cluster.arrive.relaxed.aligned;" ::: "memory"); }
INLINE void await_blocks() { asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory"); }
/// Stores two numbers in another block's shared memory, at the place that `p` is in this one's.
INLINE void store_to_block(int rank, float *p, float first, float second) {
  u32 there;
  asm volatile("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(there) : "r"(shared_address(p)), "r"(rank));
  asm volatile("st.shared::cluster.v2.f32 [%0], {%1, %2};" ::"r"(there), "f"(first), "f"(second) : "memory");
}
#else
#define TOGETHER 1
#define BLOCKS_TOGETHER
INLINE void sync_blocks() { __syncthreads(); }
INLINE void begin_blocks() {}
INLINE void await_blocks() {}
INLINE void store_to_block(int, float *p, float first, float second) { *(float2 *)p = make_float2(first, second); }
#endif

/// Groups of lanes that work on a part, each with a state of its own to be merged.
enum {
  STATES = TOGETHER * DECODE_GROUPS, ROUND_KEYS = STATES * DECODE_TILE_KEYS,
  STEP_KEYS = 4 * GROUP, LEAST_KEYS = TOGETHER > 1 ? 2 * ROUND_KEYS : 256,
};

// --- Multiplying -----------------------------------------------------------------------------------------------------

/// Two numbers as two of the type, and what rounding took from them as two more.
template <class C>
INLINE void split_pair(float first, float second, u32 &high, u32 &low) {
  high = narrow_pair<C>(first, second);
  const float one = first - widen(C{(u16)high}), two = second - widen(C{(u16)(high >> 16)});
  low = narrow_pair<C>(one, two);
}

/// The upper eight rows of c += a b; those below stay zero.
template <class C>
INLINE void multiply_add_upper(float *c, u32 left, u32 right, const u32 *b) {
  float all[4] = {c[0], c[1], 0, 0};
  const u32 a[4] = {left, 0, right, 0};
  multiply_add<C>(all, a, b);
  c[0] = all[0];
  c[1] = all[1];
}

/// Sixteen keys and values of a group of lanes; rows are so far apart that eight of them lie in different banks.
template <int WIDTH>
struct decode_tile {
  alignas(16) u16 keys[DECODE_TILE_KEYS][WIDTH + CHUNK], values[DECODE_TILE_KEYS][WIDTH + CHUNK];

  /// Has the keys from `base` on copied, which lie in that block of the cache; those that are not seen become zero.
  INLINE void fetch(const martlet_gpu_decode_attention &a, const decode_part &part, int base, int block) {
    if (base < part.stop) {
      const u16 *k = (const u16 *)cache_head(a.cache, a.cache.keys, block, part.key_head);
      const u16 *v = (const u16 *)cache_head(a.cache, a.cache.values, block, part.key_head);
      const int column = lane_index() % (WIDTH / CHUNK) * CHUNK;
#pragma unroll 4
      for (int key = lane_index() / (WIDTH / CHUNK); key < DECODE_TILE_KEYS; key += GROUP / (WIDTH / CHUNK)) {
        const bool is_seen = part.is_seen(base + key);
        copy_ahead(&keys[key][column], k + key * WIDTH + column, is_seen);
        copy_ahead(&values[key][column], v + key * WIDTH + column, is_seen);
      }
    }
    close_copies();
  }
};

/// Tiles of a group of lanes that are on their way at once.
INLINE constexpr int decode_stages(int width) { return width <= 64 ? 3 : 2; }

/// What the groups of lanes of all blocks have found, as far as this block merges it: 32 columns of a row at a time, which the
/// blocks take in turn.
template <int WIDTH>
struct decode_inbox {
  enum { SLICES = WIDTH / GROUP, TASKS = HEADS_AT_ONCE * SLICES / TOGETHER };
  alignas(16) float out[STATES][TASKS][GROUP];
  float counts[STATES][HEADS_AT_ONCE][2];  ///< a maximum, and the sum of weights
};

extern __shared__ float4 decode_shared[];

/// Query heads as the matrix units take them, and eight rows below what rounding took from each.
template <class C, int WIDTH>
struct decode_queries {
  alignas(16) u16 rows[2 * HEADS_AT_ONCE][WIDTH + CHUNK];

  /// All threads of the block fill it.
  INLINE void fill(const martlet_gpu_decode_attention &a, const decode_part &part) {
    for (int i = threadIdx.x; i < HEADS_AT_ONCE * WIDTH / CHUNK; i += DECODE_THREADS) {
      const int row = i / (WIDTH / CHUNK), column = i % (WIDTH / CHUNK) * CHUNK;
      const i64 place = part.token * a.queries.stride + (i64)(part.first_head + row) * WIDTH + column;
      float q[CHUNK] = {0, 0, 0, 0, 0, 0, 0, 0};
      if (row < part.rows) load_fresh(a.queries.type, a.queries.base, place, q);
      uint4 high, low;
      split_pair<C>(q[0], q[1], high.x, low.x);
      split_pair<C>(q[2], q[3], high.y, low.y);
      split_pair<C>(q[4], q[5], high.z, low.z);
      split_pair<C>(q[6], q[7], high.w, low.w);
      *(uint4 *)&rows[row][column] = high;
      *(uint4 *)&rows[row + HEADS_AT_ONCE][column] = low;
    }
  }
};

/// Rows of the matrices are the query heads, and below them what rounding took from queries; weights are multiplied
/// twice, as rounded and what that took: sums are as exact as with f32.
template <class C, int WIDTH>
INLINE void attend(const martlet_gpu_decode_attention &a) {
  constexpr int STAGES = decode_stages(WIDTH);
  __shared__ decode_queries<C, WIDTH> queries;
  __shared__ decode_inbox<WIDTH> inbox;
  decode_tile<WIDTH> *tiles = (decode_tile<WIDTH> *)decode_shared + group_index() * STAGES;
  release_next_kernel();
  const decode_part part(a, STEP_KEYS, LEAST_KEYS, TOGETHER);
  if (part.split >= part.splits) return;
  begin_blocks();
  const int rank = blockIdx.x % TOGETHER, row = lane_index() / 4, column = lane_index() % 4;
  // Neighbouring tiles go to different blocks.
  const int state = group_index() * TOGETHER + rank, first_base = part.start + state * DECODE_TILE_KEYS;
  // Keys of earlier steps do not wait for this one.
  // A lane knows the block of one round, so that a tile's copies need not wait for its place first.
  int blocks = 0;
  const auto fetch = [&](int round, decode_tile<WIDTH> &tile) {
    if (round % GROUP == 0) {
      const int base = first_base + (round + lane_index()) * ROUND_KEYS;
      if (base < part.stop) blocks = part.table[base / CACHE_BLOCK];
    }
    tile.fetch(a, part, first_base + round * ROUND_KEYS, from_lane(blocks, round % GROUP));
  };
  const auto is_early = [&](int stage) {
    return first_base + stage * ROUND_KEYS + DECODE_TILE_KEYS <= min(part.fresh, part.stop);
  };
#pragma unroll 1
  for (int i = 0; i < STAGES; i++)
    if (is_early(i)) fetch(i, tiles[i]);
  wait_for_last_kernel();
#pragma unroll 1
  for (int i = 0; i < STAGES; i++)
    if (!is_early(i)) fetch(i, tiles[i]);

  queries.fill(a, part);
  __syncthreads();
  const float scale = a.scale * 1.44269504f;
  float maximum = no_maximum(), sum = 0, out[WIDTH / 8][2];
#pragma unroll
  for (int i = 0; i < WIDTH / 8; i++) out[i][0] = out[i][1] = 0;

  int stage = 0;
  for (int round = 0; first_base + round * ROUND_KEYS < part.stop; round++) {
    const int base = first_base + round * ROUND_KEYS;
    await_copies<STAGES - 1>();
    sync_lanes();
    decode_tile<WIDTH> &tile = tiles[stage];
    // Two chains of sums a side are under way at once.
    float c[2][2][4];
#pragma unroll
    for (int i = 0; i < 16; i++) c[i / 8][i / 4 % 2][i % 4] = 0;
#pragma unroll
    for (int s = 0; s < WIDTH / 16; s += 2) {
      u32 q[2][4];
#pragma unroll
      for (int i = 0; i < 2; i++) load_matrices(q[i], &queries.rows[lane_index() % 16][16 * (s + i) + lane_index() / 16 * 8]);
#pragma unroll
      for (int n = 0; n < 2; n++) {
        u32 k[4];
        load_matrices(k, &tile.keys[8 * n + lane_index() % 8][16 * s + lane_index() / 8 * 8]);
        multiply_add<C>(c[n][0], q[0], k);
        multiply_add<C>(c[n][1], q[1], k + 2);
      }
    }
    float scores[4], top = maximum;
#pragma unroll
    for (int i = 0; i < 4; i++) {
      const float(&sums)[2][4] = c[i / 2];
      const bool is_seen = part.is_seen(base + i / 2 * 8 + 2 * column + i % 2);
      const float dot = (sums[0][i % 2] + sums[1][i % 2]) + (sums[0][i % 2 + 2] + sums[1][i % 2 + 2]);
      scores[i] = is_seen ? dot * scale : no_maximum();
      top = fmaxf(top, scores[i]);
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
    u32 left, left_rest, right, right_rest;
    split_pair<C>(scores[0], scores[1], left, left_rest);
    split_pair<C>(scores[2], scores[3], right, right_rest);
#pragma unroll
    for (int i = 0; i < WIDTH / 16; i++) {
      u32 v[4];
      load_transposed(v, &tile.values[lane_index() % 16][16 * i + lane_index() / 16 * 8]);
#pragma unroll
      for (int half = 0; half < 2; half++) {
        float(&c)[2] = out[2 * i + half];
        c[0] *= keep;
        c[1] *= keep;
        multiply_add_upper<C>(c, left_rest, right_rest, v + 2 * half);
        multiply_add_upper<C>(c, left, right, v + 2 * half);
      }
    }
    sync_lanes();
    fetch(round + STAGES, tile);
    stage = stage + 1 == STAGES ? 0 : stage + 1;
  }

  sum += from_lane_xor(sum, 1);
  sum += from_lane_xor(sum, 2);
  await_blocks();
  constexpr int SLICES = decode_inbox<WIDTH>::SLICES;
  if (row < part.rows && first_base < part.stop) {
#pragma unroll
    for (int i = 0; i < WIDTH / 8; i++) {
      const int task = row * SLICES + 8 * i / GROUP;
      float *place = &inbox.out[state][task / TOGETHER][8 * i % GROUP + 2 * column];
      store_to_block(task % TOGETHER, place, out[i][0], out[i][1]);
    }
    for (int block = column; block < TOGETHER; block += 4) store_to_block(block, inbox.counts[state][row], maximum, sum);
  }
  sync_blocks();

  // Each group of lanes merges 32 columns of a row: a lane has what one state counts for, and then a column.
  const decode_states<WIDTH> states(a, part);
  const int found = min((int)STATES, (part.stop - part.start + DECODE_TILE_KEYS - 1) / DECODE_TILE_KEYS);
  for (int index = group_index(); index * TOGETHER + rank < part.rows * SLICES; index += DECODE_GROUPS) {
    const int task = index * TOGETHER + rank, r = task / SLICES, place = task % SLICES * GROUP + lane_index();
    const bool is_found = lane_index() < found;
    const float own_maximum = is_found ? inbox.counts[lane_index()][r][0] : no_maximum();
    const float largest = max_lanes(own_maximum), counts = factor(own_maximum, largest);
    const float all = sum_lanes(is_found ? inbox.counts[lane_index()][r][1] * counts : 0);
    float total = 0;
    for (int base = 0; base < found; base += 8) {
#pragma unroll
      for (int i = 0; i < 8; i++) {
        const float weight = from_lane(counts, base + i);
        if (base + i < found) total = fmaf(inbox.out[base + i][index][lane_index()], weight, total);
      }
    }
    if (part.splits > 1) states.leave(part, r, place, largest, all, total);
    else store_one(a.out.type, a.out.base, part.token * a.out.stride + (i64)(part.first_head + r) * WIDTH + place, total / all);
  }
  if (part.splits == 1) return;
  // The first block answers for what all have left.
  __threadfence();
  sync_blocks();
  if (rank == 0) merge_parts<WIDTH>(a, part);
}

#define ATTEND(NAME, C, WIDTH)                                                                                          \
  extern "C" __global__ void BLOCKS_TOGETHER __launch_bounds__(DECODE_THREADS, WIDTH > 64 ? 3 : 4)                      \
      attend_##NAME##_##WIDTH(const martlet_gpu_decode_attention a) {                                                   \
    attend<C, WIDTH>(a);                                                                                                \
  }
ATTEND(f16, f16, 64)
ATTEND(f16, f16, 128)
ATTEND(bf16, bf16, 64)
ATTEND(bf16, bf16, 128)

#endif
