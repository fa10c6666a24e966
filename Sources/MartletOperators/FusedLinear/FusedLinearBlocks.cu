// Fused products with quantised weights by activations in 8 bits; additions in the order of LinearBlocks.cu. Spills: none.

extern __shared__ float4 fused_shared[];

/// A group of 32 columns of a row's piece, as `quants_at` has it, in wider reads where the format allows them. Groups of a
/// lane are 32 apart, so what depends on a group's place among its neighbours is the same for all of them.
template <int TYPE>
struct column_group {
  u32 quants[8];
  float scale[2], minimum;

  INLINE void read(const u8 *piece, int group) {
    const int column = group * 32;
    const u8 *block = piece + column / block_size(TYPE) * block_bytes(TYPE);
    float minima[2];
#pragma unroll
    for (int i = 0; i < 4; i++)
      quants_at<TYPE>(block, column % block_size(TYPE) + 8 * i, quants + 2 * i, scale[i / 2], minima[i / 2]);
    minimum = minima[0];
  }
};

/// Blocks of 34 bytes: every other one begins in the midst of a word.
template <>
INLINE void column_group<Q8_0>::read(const u8 *piece, int group) {
  const u8 *block = piece + group * 34;
  const u32 past = (u32)((u64)block + 2) & 2;
  const u32 *words = (const u32 *)(block + 2 - past);
  u32 w[9];
#pragma unroll
  for (int i = 0; i < 8; i++) w[i] = words[i];
  w[8] = past ? words[8] : 0;
  const u32 order = past ? 0x5432 : 0x3210;
#pragma unroll
  for (int i = 0; i < 8; i++) quants[i] = select_bytes(w[i], w[i + 1], order);
  scale[0] = scale[1] = half_at(block);
  minimum = 0;
}

/// Blocks of 144 bytes, which begin where 16 bytes may be read at once.
template <>
INLINE void column_group<Q4_K>::read(const u8 *piece, int group) {
  const uint4 *block = (const uint4 *)(piece + group / 8 * 144);
  const int sub = group % 8, shift = sub % 4 * 8;
  const uint4 head = block[0], low = block[1 + sub / 2 * 2], high = block[2 + sub / 2 * 2];
  const u32 y = head.y >> shift, z = head.z >> shift, w = head.w >> shift;
  const u32 s = sub < 4 ? y & 63 : (w & 15) | (y >> 2 & 48), m = sub < 4 ? z & 63 : (w >> 4 & 15) | (z >> 2 & 48);
  scale[0] = scale[1] = widen(f16{(u16)head.x}) * (float)(int)s;
  minimum = -(widen(f16{(u16)(head.x >> 16)}) * (float)(int)m);
  const int half = sub % 2 * 4;
  const u32 words[8] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
#pragma unroll
  for (int i = 0; i < 8; i++) quants[i] = words[i] >> half & 0x0f0f0f0f;
}

/// Adds the products of groups of 32 columns of ROWS rows of weights with all rows of x.
template <int TYPE, int ROWS, int TOKENS>
INLINE void add_groups(
    const u8 *const (&rows)[ROWS], const fused_memory &m, int start, int columns, int all, float (&sums)[2][TOKENS]) {
  const int groups = all / 32;
  const uint4 *low = (const uint4 *)m.x, *high = low + TOKENS * groups;
  const float2 *scales = (const float2 *)(high + TOKENS * groups);
#pragma unroll(TOKENS == 1 ? 4 / ROWS : 1)
  for (int group = lane_index(); group < columns / 32; group += GROUP) {
    column_group<TYPE> weights[ROWS];
#pragma unroll
    for (int r = 0; r < ROWS; r++) weights[r].read(rows[r], group);
#pragma unroll
    for (int t = 0; t < TOKENS; t++) {
      const int place = t * groups + start / 32 + group;
      const uint4 x_low = low[place], x_high = high[place];
      const float2 x_scale = scales[place];
#pragma unroll
      for (int r = 0; r < ROWS; r++) {
        const column_group<TYPE> &w = weights[r];
        sums[r][t] = add_group<TYPE>(sums[r][t], w.quants, w.scale, w.minimum, x_low, x_high, x_scale);
      }
    }
  }
}

/// Blocks that begin where 16 bytes may be read at once are read where they lie; others are copied to shared memory, where
/// small parts at any address are at hand.
template <int TYPE>
using weight_rows = typename pick<TYPE == Q4_K, whole_rows, copied_rows>::type;

template <int TYPE, int TOKENS>
INLINE void multiply(const martlet_gpu_fused_linear &a) {
  const fused_memory m = fused_memory::of<true, TOKENS>((u8 *)fused_shared, a.columns, 0);
  multiply_fused<TYPE, TOKENS, weight_rows<TYPE>>(
      a, m, [&](const u8 *first, const u8 *second, int start, int columns, float(&sums)[2][TOKENS]) {
        if (TYPE == Q4_K && first == second) add_groups<TYPE, 1, TOKENS>({first}, m, start, columns, a.columns, sums);
        else add_groups<TYPE, 2, TOKENS>({first, second}, m, start, columns, a.columns, sums);
      });
}

#define MULTIPLY(NAME, TYPE, TOKENS)                                                                \
  KERNEL_TOGETHER(FUSED_THREADS, TOKENS < 8 ? 2 : 1) multiply_##NAME##_##TOKENS(const martlet_gpu_fused_linear a) { \
    multiply<TYPE, TOKENS>(a);                                                                      \
  }
#define MULTIPLY_TOKENS(NAME, TYPE) \
  MULTIPLY(NAME, TYPE, 1)           \
  MULTIPLY(NAME, TYPE, 2)           \
  MULTIPLY(NAME, TYPE, 4)           \
  MULTIPLY(NAME, TYPE, 8)
// Each type is compiled on its own, side by side with the others, where the text ahead names it.
#if defined(MT_BLOCKS)
MULTIPLY_TOKENS(MT_BLOCKS_NAME, MT_BLOCKS)
#else
MULTIPLY_TOKENS(q8_0, Q8_0)
MULTIPLY_TOKENS(q4_0, Q4_0)
MULTIPLY_TOKENS(q4_1, Q4_1)
MULTIPLY_TOKENS(q5_0, Q5_0)
MULTIPLY_TOKENS(q5_1, Q5_1)
MULTIPLY_TOKENS(q4_K, Q4_K)
MULTIPLY_TOKENS(q5_K, Q5_K)
MULTIPLY_TOKENS(q6_K, Q6_K)
#endif
