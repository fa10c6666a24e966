// Matrix products for many rows of x in f16 or bf16, by the matrix units: a block has 128 rows of x and 128 of the
// weights, and 32 columns at a time, copied ahead in three stages. Spills: none.

#if defined(MT_PLATFORM_NVIDIA)

enum { TILE = 128, TILE_COLUMNS = 32, TILE_STRIDE = TILE_COLUMNS + 8, STAGES = 3, TILE_THREADS = 256 };
enum { STAGE_ELEMENTS = 2 * TILE * TILE_STRIDE };

/// Asks for 32 columns of both operands; 16 bytes a thread at a time.
template <class T>
INLINE void fetch(const martlet_gpu_linear &a, T *stage, int first_token, int first_row, int column) {
#pragma unroll
  for (int i = threadIdx.x; i < 2 * TILE * TILE_COLUMNS / 8; i += TILE_THREADS) {
    const int line = i / (TILE_COLUMNS / 8), part = i % (TILE_COLUMNS / 8) * 8;
    const bool is_weight = line >= TILE;
    const int row = is_weight ? first_row + line - TILE : first_token + line;
    const bool is_there = row < (is_weight ? a.rows : a.tokens) && column + part < a.columns;
    const T *from = row_of<T>(is_weight ? a.weight : a.x, is_there ? row : 0) + (is_there ? column + part : 0);
    copy_ahead(stage + line * TILE_STRIDE + part, from, is_there);
  }
  close_copies();
}

template <class T, class OUT>
INLINE void multiply_tile(const martlet_gpu_linear &a, T *memory) {
  const int first_token = blockIdx.y * TILE, first_row = blockIdx.x * TILE;
  // Eight groups of lanes: two halves of the rows of x, four quarters of the rows of the weights.
  const int token_base = group_index() / 4 * 64, row_base = group_index() % 4 * 32;
  float acc[4][4][4];
#pragma unroll
  for (int i = 0; i < 64; i++) ((float *)acc)[i] = 0;
  const int steps = (a.columns + TILE_COLUMNS - 1) / TILE_COLUMNS;
#pragma unroll
  for (int s = 0; s < STAGES - 1; s++) fetch(a, memory + s * STAGE_ELEMENTS, first_token, first_row, s * TILE_COLUMNS);
  for (int step = 0; step < steps; step++) {
    await_copies<STAGES - 2>();
    __syncthreads();
    // Beyond the last column zeros are fetched, which keeps the count of copies.
    const int next = step + STAGES - 1;
    fetch(a, memory + next % STAGES * STAGE_ELEMENTS, first_token, first_row, next * TILE_COLUMNS);
    const T *x = memory + step % STAGES * STAGE_ELEMENTS, *w = x + TILE * TILE_STRIDE;
#pragma unroll
    for (int k = 0; k < TILE_COLUMNS; k += 16) {
      u32 left[4][4], right[4][2];
#pragma unroll
      for (int i = 0; i < 4; i++)
        load_matrices(
            left[i], x + (token_base + 16 * i + lane_index() % 16) * TILE_STRIDE + k + lane_index() / 16 * 8);
#pragma unroll
      for (int j = 0; j < 4; j += 2) {
        u32 both[4];
        load_matrices(
            both, w + (row_base + 8 * j + lane_index() % 8 + lane_index() / 16 * 8) * TILE_STRIDE + k +
                      lane_index() / 8 % 2 * 8);
        right[j][0] = both[0], right[j][1] = both[1], right[j + 1][0] = both[2], right[j + 1][1] = both[3];
      }
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) multiply_add<T>(acc[i][j], left[i], right[j]);
    }
  }
  await_copies<0>();
  float bias[4][2];
#pragma unroll
  for (int j = 0; j < 8; j++) {
    const int row = min(first_row + row_base + 8 * (j / 2) + lane_index() % 4 * 2 + j % 2, a.rows - 1);
    bias[j / 2][j % 2] = a.bias ? load_one(a.bias_type, a.bias, row) : 0.0f;
  }
#pragma unroll
  for (int i = 0; i < 4; i++)
#pragma unroll
    for (int j = 0; j < 4; j++)
#pragma unroll
      for (int e = 0; e < 4; e++) {
        const int token = first_token + token_base + 16 * i + lane_index() / 4 + e / 2 * 8;
        const int row = first_row + row_base + 8 * j + lane_index() % 4 * 2 + e % 2;
        if (token < a.tokens && row < a.rows) row_of<OUT>(a.out, token)[row] = narrow<OUT>(acc[i][j][e] + bias[j][e % 2]);
      }
}

extern __shared__ uint4 tile_shared[];
#define MULTIPLY_TILE(NAME, T, OUT) \
  KERNEL(TILE_THREADS) multiply_tile_##NAME(const martlet_gpu_linear a) { multiply_tile<T, OUT>(a, (T *)tile_shared); }
MULTIPLY_TILE(f16_f16, f16, f16)
MULTIPLY_TILE(f16_f32, f16, float)
MULTIPLY_TILE(bf16_bf16, bf16, bf16)
MULTIPLY_TILE(bf16_f32, bf16, float)

#endif
