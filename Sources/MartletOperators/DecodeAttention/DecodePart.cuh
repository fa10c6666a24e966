// What attention of single tokens over the paged cache shares, whoever multiplies: a part is a token, a key head, some of its
// query heads and some of its keys. The last part of a head to come merges them all. (Split keys: FlashDecoding, 2023.)

enum {
  HEADS_AT_ONCE = 8,        ///< query heads of a part
  DECODE_TILE_KEYS = CACHE_BLOCK,  ///< keys of a group of lanes at once
  MOST_SPLITS = 64,
};

/// What a number relative to one maximum is multiplied with for a larger one; both in units of ln 2.
INLINE float factor(float from, float to) { return to == __int_as_float(0xff800000) ? 1.0f : exp2f(from - to); }
INLINE float no_maximum() { return __int_as_float(0xff800000); }

/// What a block works on, or several blocks together.
struct decode_part {
  int token, key_head, first_head, rows;  ///< rows: query heads
  int first, limit, fresh;                ///< keys that the token sees; those from `fresh` on are written in this step
  int split, splits, start, stop;         ///< keys of this part
  const int *table;

  /// - Parameters: `step`, what the number of a part's keys is a multiple of, but for the last one's; a part that is not the
  /// only one has at least `least`; `together`, how many neighbouring blocks are one part.
  INLINE decode_part(const martlet_gpu_decode_attention &a, int step, int least, int together) {
    const int tiles = (a.group + HEADS_AT_ONCE - 1) / HEADS_AT_ONCE;
    split = blockIdx.x / together;
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
    const int length = max(least, (share + step - 1) / step * step);
    splits = (limit - origin + length - 1) / length;
    start = origin + split * length;
    stop = min(start + length, limit);
  }

  /// Where a key lies in its block; one that is seen stands in for those that are not.
  INLINE int place(int key) const { return min(max(key, first), limit - 1) % CACHE_BLOCK; }
  INLINE bool is_seen(int key) const { return key >= first && key < stop; }
};

/// Where parts that are not the only ones leave what they have: for each query head a maximum, the sum of weights, and the sum
/// of weighted values.
template <int WIDTH>
struct decode_states {
  enum { STATE = WIDTH + 2 };
  float *all;

  INLINE decode_states(const martlet_gpu_decode_attention &a, const decode_part &part)
      : all(a.states + ((i64)part.token * gridDim.y + blockIdx.y) * a.splits * HEADS_AT_ONCE * STATE) {}

  INLINE float *of(int split, int row) const { return all + ((i64)split * HEADS_AT_ONCE + row) * STATE; }

  INLINE void leave(const decode_part &part, int row, int column, float maximum, float sum, float total) const {
    float *state = of(part.split, row);
    state[2 + column] = total;
    if (column == 0) {
      state[0] = maximum;
      state[1] = sum;
    }
  }
};

/// Merges the parts, if this block is the last to have left its own; all of its threads take part.
template <int WIDTH>
INLINE void merge_parts(const martlet_gpu_decode_attention &a, const decode_part &part) {
  __shared__ float factors[HEADS_AT_ONCE][MOST_SPLITS];
  __shared__ int is_last;
  const decode_states<WIDTH> states(a, part);
  __threadfence();
  __syncthreads();
  int *ticket = a.tickets + part.token * gridDim.y + blockIdx.y;
  if (threadIdx.x == 0) {
    is_last = atomicAdd(ticket, 1) == part.splits - 1;
    __threadfence();
  }
  __syncthreads();
  if (!is_last) return;
  if (threadIdx.x == 0) *ticket = 0;
  // A group of lanes a row finds what each part counts for.
  for (int r = group_index(); r < part.rows; r += blockDim.x / GROUP) {
    float largest = no_maximum();
    for (int i = lane_index(); i < part.splits; i += GROUP)
      largest = fmaxf(largest, *(const volatile float *)states.of(i, r));
    largest = max_lanes(largest);
    for (int i = lane_index(); i < part.splits; i += GROUP)
      factors[r][i] = factor(*(const volatile float *)states.of(i, r), largest);
  }
  __syncthreads();
  const i64 out = part.token * a.out.stride + (i64)part.first_head * WIDTH;
  for (int i = threadIdx.x; i < part.rows * WIDTH; i += blockDim.x) {
    const int r = i / WIDTH, column = i % WIDTH;
    float sum = 0, total = 0;
#pragma unroll 8
    for (int k = 0; k < part.splits; k++) {
      const volatile float *state = states.of(k, r);
      sum = fmaf(state[1], factors[r][k], sum);
      total = fmaf(state[2 + column], factors[r][k], total);
    }
    store_one(a.out.type, a.out.base, out + i, total * (1.0f / sum));
  }
}
