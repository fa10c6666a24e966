// Fused products with weights at their exact values; additions in the order of Linear.cu. Spills: none.

extern __shared__ float4 fused_shared[];

/// Adds the products of ROWS rows of weights with all rows of x. Some of a lane's reads are under way at once, also at the
/// end of rows, where those beyond it are left out.
template <int ROWS, class T, int TOKENS>
INLINE void add_products(const T *const (&rows)[ROWS], const T *x, int columns, float (&sums)[2][TOKENS]) {
  constexpr int AHEAD = (TOKENS == 1 ? 8 : 2) / ROWS;
  for (int base = lane_index() * CHUNK; base < columns; base += AHEAD * GROUP * CHUNK) {
    float weights[AHEAD][ROWS][CHUNK];
#pragma unroll
    for (int i = 0; i < AHEAD; i++)
#pragma unroll
      for (int r = 0; r < ROWS; r++) {
        const int column = base + i * GROUP * CHUNK;
#pragma unroll
        for (int k = 0; k < CHUNK; k++) weights[i][r][k] = 0;
        if (column < columns) load(rows[r] + column, CHUNK, true, weights[i][r]);
      }
#pragma unroll
    for (int i = 0; i < AHEAD; i++) {
      const int column = base + i * GROUP * CHUNK;
      if (column >= columns) break;
#pragma unroll
      for (int t = 0; t < TOKENS; t++) {
        float v[CHUNK];
        load(x + t * columns + column, CHUNK, true, v);
#pragma unroll
        for (int r = 0; r < ROWS; r++)
#pragma unroll
          for (int k = 0; k < CHUNK; k++) sums[r][t] = fmaf(weights[i][r][k], v[k], sums[r][t]);
      }
    }
  }
}

template <class T, int TYPE, int TOKENS>
INLINE void multiply(const martlet_gpu_fused_linear &a) {
  const fused_memory m = fused_memory::of<false, TOKENS>((u8 *)fused_shared, a.columns, sizeof(T));
  const T *x = (const T *)m.x;
  multiply_fused<TYPE, TOKENS, whole_rows>(
      a, m, [&](const u8 *first, const u8 *second, int, int columns, float(&sums)[2][TOKENS]) {
        if (first == second) add_products<1, T, TOKENS>({(const T *)first}, x, columns, sums);
        else add_products<2, T, TOKENS>({(const T *)first, (const T *)second}, x, columns, sums);
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
