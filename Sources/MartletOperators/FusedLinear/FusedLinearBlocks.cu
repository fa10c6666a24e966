// Fused products with quantised weights by activations in 8 bits; additions in the order of LinearBlocks.cu. Spills: none.

extern __shared__ float4 fused_shared[];

template <int TYPE, int TOKENS>
INLINE void multiply(const martlet_gpu_fused_linear &a) {
  const fused_memory m = fused_memory::of<true, TOKENS>((u8 *)fused_shared, a.columns, 0);
  const int groups = a.columns / 32;
  const uint4 *low = (const uint4 *)m.x, *high = low + TOKENS * groups;
  const float2 *scales = (const float2 *)(high + TOKENS * groups);
  multiply_fused<TYPE, TOKENS, copied_rows>(
      a, m, [&](const u8 *first, const u8 *second, int start, int columns, float(&sums)[2][TOKENS]) {
        for (int group = lane_index(); group < columns / 32; group += GROUP) {
          const int column = group * 32;
#pragma unroll
          for (int r = 0; r < 2; r++) {
            const u8 *block = (r == 0 ? first : second) + column / block_size(TYPE) * block_bytes(TYPE);
            u32 quants[8];
            float scale[2], minimum[2];
#pragma unroll
            for (int i = 0; i < 4; i++)
              quants_at<TYPE>(block, column % block_size(TYPE) + 8 * i, quants + 2 * i, scale[i / 2], minimum[i / 2]);
#pragma unroll
            for (int t = 0; t < TOKENS; t++) {
              const int place = t * groups + start / 32 + group;
              sums[r][t] = add_group<TYPE>(sums[r][t], quants, scale, minimum[0], low[place], high[place], scales[place]);
            }
          }
        }
      });
}

#define MULTIPLY(NAME, TYPE, TOKENS)                                                                \
  KERNEL_TOGETHER(FUSED_THREADS, 2) multiply_##NAME##_##TOKENS(const martlet_gpu_fused_linear a) { \
    multiply<TYPE, TOKENS>(a);                                                                      \
  }
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
