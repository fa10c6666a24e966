// Quantised weights by activations in 8 bits: integers within a group of 32 columns, groups in f32. Spills: none.

enum { BLOCK_TOKENS = 8, BLOCK_THREADS = 128, BLOCK_GROUPS = BLOCK_THREADS / GROUP, COLUMNS = 32 };

/// Activations to 8 bits: a lane an element, a group of lanes a group of columns.
template <class T>
INLINE void quantize(const martlet_gpu_linear &a) {
  const int groups = a.columns / COLUMNS;
  const i64 unit = (i64)blockIdx.x * (blockDim.x / GROUP) + group_index(), last = (i64)a.tokens * groups - 1;
  const i64 mine = unit < last ? unit : last, token = mine / groups, group = mine % groups;
  const float v = widen(row_of<T>(a.x, token)[group * COLUMNS + lane_index()]);
  // By their bits, so that a NaN counts as the largest.
  int bits = __float_as_int(fabsf(v));
#pragma unroll
  for (int mask = GROUP / 2; mask > 0; mask /= 2) bits = max(bits, from_lane_xor(bits, mask));
  const float largest = __int_as_float(bits);
  // A group with NaN or infinity gets a NaN for its scale, so that the result shows it. One so small that its scale has
  // no finite inverse counts as zeros.
  const bool tiny = largest < 0x1p-120f, usable = !tiny && bits < 0x7f800000;
  const float scale = usable ? largest / 127.0f : tiny ? 0.0f : __int_as_float(0x7fc00000);
  const int quant = usable ? (int)rintf(v * (127.0f / largest)) : 0;
  const int sum = sum_lanes(quant);
  if (unit > last) return;
  a.quants[token * a.columns + group * COLUMNS + lane_index()] = (signed char)quant;
  if (lane_index() == 0) {
    float *scales = a.scales + mine * 2;
    scales[0] = scale;
    scales[1] = scale * (float)sum;
  }
}
FOR_FLOAT_TYPES(quantize, 256, martlet_gpu_linear)

INLINE void finish(const martlet_gpu_linear &a, int token, int row, float sum) {
  if (a.bias) sum += load_one(a.bias_type, a.bias, row);
  store_one(a.out.type, a.out.base, (i64)token * a.out.stride + row, sum);
}

template <int TYPE, int TOKENS>
INLINE void multiply(const martlet_gpu_linear &a) {
  const int row = blockIdx.x * BLOCK_GROUPS + group_index(), clamped = min(row, a.rows - 1);
  const int first = blockIdx.y * BLOCK_TOKENS, groups = a.columns / COLUMNS;
  const u8 *weights = weight_row(a.weight, clamped);
  float acc[TOKENS];
#pragma unroll
  for (int t = 0; t < TOKENS; t++) acc[t] = 0;
  for (int group = lane_index(); group < groups; group += GROUP) {
    const int column = group * COLUMNS;
    const u8 *block = weights + (i64)(column / block_size(TYPE)) * block_bytes(TYPE);
    u32 quants[COLUMNS / 4];
    float scale[2], minimum[2];
#pragma unroll
    for (int i = 0; i < 4; i++)
      quants_at<TYPE>(block, column % block_size(TYPE) + 8 * i, quants + 2 * i, scale[i / 2], minimum[i / 2]);
#pragma unroll
    for (int t = 0; t < TOKENS; t++) {
      const i64 token = min(first + t, a.tokens - 1);
      const uint4 *x = (const uint4 *)(a.quants + token * a.columns + column);
      const float2 x_scale = ((const float2 *)a.scales)[token * groups + group];
      acc[t] = add_group<TYPE>(acc[t], quants, scale, minimum[0], x[0], x[1], x_scale);
    }
  }
  float mine = 0;
#pragma unroll
  for (int t = 0; t < TOKENS; t++) {
    const float sum = sum_lanes(acc[t]);
    if (lane_index() == t) mine = sum;
  }
  if (lane_index() < TOKENS && first + lane_index() < a.tokens && row < a.rows)
    finish(a, first + lane_index(), row, mine);
}

#define MULTIPLY(NAME, TYPE, TOKENS) \
  KERNEL(BLOCK_THREADS) multiply_##NAME##_##TOKENS(const martlet_gpu_linear a) { multiply<TYPE, TOKENS>(a); }
#define MULTIPLY_TOKENS(NAME, TYPE) \
  MULTIPLY(NAME, TYPE, 1)           \
  MULTIPLY(NAME, TYPE, 2)           \
  MULTIPLY(NAME, TYPE, 4)           \
  MULTIPLY(NAME, TYPE, 8)
MULTIPLY_TOKENS(q8_0, Q8_0)
MULTIPLY_TOKENS(q4_0, Q4_0)
MULTIPLY_TOKENS(q4_1, Q4_1)
MULTIPLY_TOKENS(q5_0, Q5_0)
MULTIPLY_TOKENS(q5_1, Q5_1)
MULTIPLY_TOKENS(q4_K, Q4_K)
MULTIPLY_TOKENS(q5_K, Q5_K)
MULTIPLY_TOKENS(q6_K, Q6_K)
