// Products of few rows with the norm ahead of them and what becomes of their sums: how rows of x come to shared memory, where
// every group of lanes multiplies them with rows of weights of its own. Norms and roundings are those of the operators
// one by one.

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

/// Rows of x to shared memory as they are; with one row, several reads of each thread are under way at once.
template <int TYPE, int TOKENS>
INLINE void copy_rows(const martlet_gpu_fused_linear &a, const fused_memory &m) {
  constexpr int AHEAD = TOKENS == 1 ? 8 : 2;
  const int chunks = a.columns * block_bytes(TYPE) / 16;
#pragma unroll
  for (int t = 0; t < TOKENS; t++) {
    const uint4 *row = (const uint4 *)((const u8 *)a.x.base + min(t, a.tokens - 1) * a.x.stride * block_bytes(TYPE));
    for (int base = threadIdx.x; base < chunks; base += AHEAD * FUSED_THREADS) {
      uint4 v[AHEAD];
#pragma unroll
      for (int i = 0; i < AHEAD; i++)
        if (base + i * FUSED_THREADS < chunks) v[i] = load_fresh_words(row + base + i * FUSED_THREADS);
#pragma unroll
      for (int i = 0; i < AHEAD; i++)
        if (base + i * FUSED_THREADS < chunks) ((uint4 *)m.x)[t * chunks + base + i * FUSED_THREADS] = v[i];
    }
  }
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
    if constexpr (!BLOCKS) return copy_rows<TYPE, TOKENS>(a, m);
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
  float kept[KEPT + 1][CHUNK];
  raw_chunk gain[KEPT + 1];
#pragma unroll
  for (int i = 0; i < KEPT; i++) {
    const int column = i * FUSED_STEP + own;
    if (column < a.columns) gain[i].read(a.norm_type, a.norm, column);
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
    float weight[CHUNK];
    gain[i].widen(a.norm_type, weight);
#pragma unroll
    for (int k = 0; k < CHUNK; k++)
      kept[i][k] = column < a.columns ? rounded_as(type, rounded_as(type, kept[i][k] * scale[0]) * weight[k]) : 0.0f;
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
