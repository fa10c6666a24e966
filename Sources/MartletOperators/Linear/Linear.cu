// Matrix products for few rows of x, and for any number where the order of additions matters more than speed: a group of
// lanes sums a row of the weights with up to eight rows of x. Each sum has one order, whatever the number of rows.
// Spills: none.

enum { LINEAR_TOKENS = 8, LINEAR_THREADS = 256, LINEAR_GROUPS = LINEAR_THREADS / GROUP };

/// Stores a sum with its bias.
INLINE void finish(const martlet_gpu_linear &a, int token, int row, float sum) {
  if (a.bias) sum += load_one(a.bias_type, a.bias, row);
  store_one(a.out.type, a.out.base, (i64)token * a.out.stride + row, sum);
}

/// Sums over the lanes, and lane `t` stores the result of token `t`.
template <int TOKENS>
INLINE void finish_row(const martlet_gpu_linear &a, int first, int row, float *acc) {
  float mine = 0;
#pragma unroll
  for (int t = 0; t < TOKENS; t++) {
    const float sum = sum_lanes(acc[t]);
    if (lane_index() == t) mine = sum;
  }
  if (lane_index() < TOKENS && first + lane_index() < a.tokens && row < a.rows)
    finish(a, first + lane_index(), row, mine);
}

// --- Weights at their exact values -----------------------------------------------------------------------------------

/// Eight columns of x by eight of the weights.
INLINE void add_products(float &sum, const float *w, const float *x) {
#pragma unroll
  for (int k = 0; k < CHUNK; k++) sum = fmaf(w[k], x[k], sum);
}

/// Both operands of one type, rows of packets.
template <class T, int TOKENS>
INLINE void multiply(const martlet_gpu_linear &a) {
  // Lanes of rows beyond the last take part in the sums of the last one.
  const int row = blockIdx.x * LINEAR_GROUPS + group_index(), first = blockIdx.y * LINEAR_TOKENS;
  const T *weights = row_of<T>(a.weight, min(row, a.rows - 1));
  const T *x[TOKENS];
  float acc[TOKENS];
#pragma unroll
  for (int t = 0; t < TOKENS; t++) {
    x[t] = row_of<T>(a.x, min(first + t, a.tokens - 1));
    acc[t] = 0;
  }
#pragma unroll 4
  for (int column = lane_index() * CHUNK; column < a.columns; column += GROUP * CHUNK) {
    float w[CHUNK], v[CHUNK];
    load(weights + column, CHUNK, true, w);
#pragma unroll
    for (int t = 0; t < TOKENS; t++) {
      load(x[t] + column, CHUNK, true, v);
      add_products(acc[t], w, v);
    }
  }
  finish_row<TOKENS>(a, first, row, acc);
}

#define MULTIPLY(NAME, T, TOKENS) \
  KERNEL(LINEAR_THREADS) multiply_##NAME##_##TOKENS(const martlet_gpu_linear a) { multiply<T, TOKENS>(a); }
#define MULTIPLY_TYPES(TOKENS) MULTIPLY(f32, float, TOKENS) MULTIPLY(f16, f16, TOKENS) MULTIPLY(bf16, bf16, TOKENS)
MULTIPLY_TYPES(1)
MULTIPLY_TYPES(2)
MULTIPLY_TYPES(4)
MULTIPLY_TYPES(8)

/// Any types and any alignment, in the same order.
KERNEL(LINEAR_THREADS) multiply_any(const martlet_gpu_linear a) {
  const int row = blockIdx.x * LINEAR_GROUPS + group_index(), token = blockIdx.y;
  const u8 *weights = weight_row(a.weight, min(row, a.rows - 1));
  float acc[1] = {0};
  for (int column = lane_index() * CHUNK; column < a.columns; column += GROUP * CHUNK) {
    const int n = a.columns - column;
    float w[CHUNK], x[CHUNK];
    load_weights(a.weight.type, weights, column, n, a.weight.aligned, w);
    load(a.x.type, a.x.base, token * a.x.stride + column, n, a.x.aligned, x);
    add_products(acc[0], w, x);
  }
  finish_row<1>(a, token, row, acc);
}
