// Fused products with weights at their exact values; additions in the order of Linear.cu. Spills: none.

extern __shared__ float4 fused_shared[];

template <class T, int TYPE, int TOKENS>
INLINE void multiply(const martlet_gpu_fused_linear &a) {
  const fused_memory m = fused_memory::of<false, TOKENS>((u8 *)fused_shared, a.columns, sizeof(T));
  const T *x = (const T *)m.x;
  multiply_fused<TYPE, TOKENS, whole_rows>(
      a, m, [&](const u8 *first, const u8 *second, int start, int columns, float(&sums)[2][TOKENS]) {
        if (first == second) {
#pragma unroll(TOKENS == 1 ? 8 : 2)
          for (int column = lane_index() * CHUNK; column < columns; column += GROUP * CHUNK) {
            float one[CHUNK];
            load((const T *)first + column, CHUNK, true, one);
#pragma unroll
            for (int t = 0; t < TOKENS; t++) {
              float v[CHUNK];
              load(x + t * a.columns + start + column, CHUNK, true, v);
#pragma unroll
              for (int k = 0; k < CHUNK; k++) sums[0][t] = fmaf(one[k], v[k], sums[0][t]);
            }
          }
          return;
        }
#pragma unroll(TOKENS == 1 ? 4 : 1)
        for (int column = lane_index() * CHUNK; column < columns; column += GROUP * CHUNK) {
          float one[CHUNK], two[CHUNK];
          load((const T *)first + column, CHUNK, true, one);
          load((const T *)second + column, CHUNK, true, two);
#pragma unroll
          for (int t = 0; t < TOKENS; t++) {
            float v[CHUNK];
            load(x + t * a.columns + start + column, CHUNK, true, v);
#pragma unroll
            for (int k = 0; k < CHUNK; k++) {
              sums[0][t] = fmaf(one[k], v[k], sums[0][t]);
              sums[1][t] = fmaf(two[k], v[k], sums[1][t]);
            }
          }
        }
      });
}

#define MULTIPLY(NAME, T, TYPE, TOKENS)                                                             \
  KERNEL_TOGETHER(FUSED_THREADS, TOKENS < 8 ? 2 : 1) multiply_##NAME##_##TOKENS(const martlet_gpu_fused_linear a) { \
    multiply<T, TYPE, TOKENS>(a);                                                                   \
  }
#define MULTIPLY_TYPES(TOKENS) \
  MULTIPLY(f32, float, F32, TOKENS) MULTIPLY(f16, f16, F16, TOKENS) MULTIPLY(bf16, bf16, BF16, TOKENS)
MULTIPLY_TYPES(1)
MULTIPLY_TYPES(2)
MULTIPLY_TYPES(4)
MULTIPLY_TYPES(8)
