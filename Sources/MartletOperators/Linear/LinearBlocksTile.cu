// Quantised weights by activations in 8 bits for many rows of x, by the matrix units: a block has 128 rows of x and 64 of
// the weights, and two groups of 32 columns at a time. Products within a group are integers; groups are added in f32 in
// order, as in LinearBlocks.cu. Spills: none.

#if defined(MT_PLATFORM_NVIDIA)

enum { TILE_TOKENS = 128, TILE_ROWS = 64, TILE_THREADS = 256, GROUPS_AT_ONCE = 2, GROUP_COLUMNS = 32 };
enum { LINE = GROUPS_AT_ONCE * GROUP_COLUMNS };

/// One stage: quants of both operands, a group's scale and that times the sum of its quants, and a weight's scale and
/// minimum; of Q6_K the scales of both halves.
struct blocks_stage {
  u8 x[TILE_TOKENS * LINE], w[TILE_ROWS * LINE];
  float2 x_scales[GROUPS_AT_ONCE][TILE_TOKENS], w_scales[GROUPS_AT_ONCE][TILE_ROWS];
};

/// A piece of 16 bytes; pieces of neighbouring rows are in different banks.
INLINE u8 *piece(u8 *rows, int row, int piece) { return rows + row * LINE + (piece ^ (row / 2 & 3)) * 16; }

/// c (16 by 8) = a (16 by 32) times b (32 by 8), with what the sums begin at; `half` of 16 columns, or both.
INLINE void multiply_bytes(int *c, const u32 *a, const u32 *b, int begin) {
  asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%10,%10,%10,%10};"
               : "=r"(c[0]), "=r"(c[1]), "=r"(c[2]), "=r"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]), "r"(begin));
}
INLINE void multiply_half(int *c, const u32 *a, u32 b, int begin) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5}, {%6}, {%7,%7,%7,%7};"
               : "=r"(c[0]), "=r"(c[1]), "=r"(c[2]), "=r"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(b), "r"(begin));
}

// Sums of integers that begin at this number's bits are, as bits, the number more: no conversion.
enum { SUM_BEGIN = 0x4b400000 };
INLINE float sum_of(int bits) { return __int_as_float(bits) - 12582912.0f; }

/// Asks for the activations of two groups.
INLINE void fetch(const martlet_gpu_linear &a, blocks_stage &stage, int first_token, int column) {
  const int groups = a.columns / GROUP_COLUMNS;
#pragma unroll
  for (int i = threadIdx.x; i < TILE_TOKENS * (LINE / 16); i += TILE_THREADS) {
    const int line = i / (LINE / 16), part = i % (LINE / 16), token = first_token + line;
    const bool is_there = token < a.tokens && column + part * 16 < a.columns;
    copy_ahead(piece(stage.x, line, part), a.quants + (is_there ? (i64)token * a.columns + column + part * 16 : 0),
               is_there);
  }
  const int line = threadIdx.x % TILE_TOKENS, group = threadIdx.x / TILE_TOKENS, token = first_token + line;
  const bool is_there = token < a.tokens && column + group * GROUP_COLUMNS < a.columns;
  const float2 *from = (const float2 *)a.scales + (is_there ? (i64)token * groups + column / GROUP_COLUMNS + group : 0);
  asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(shared_address(&stage.x_scales[group][line])),
               "l"(from), "r"(is_there ? 8 : 0));
  close_copies();
}

/// Sixteen weights of a thread, unpacked.
struct weight_piece {
  u32 quants[4];
  float scale, minimum;
};

template <int TYPE>
INLINE void unpack(const martlet_gpu_linear &a, weight_piece &w, int first_row, int column) {
  const int row = first_row + threadIdx.x / (LINE / 16), place = column + threadIdx.x % (LINE / 16) * 16;
  if (row < a.rows && place < a.columns) {
    const u8 *block = weight_row(a.weight, row) + (i64)(place / block_size(TYPE)) * block_bytes(TYPE);
    quants_at<TYPE>(block, place % block_size(TYPE), w.quants, w.scale, w.minimum);
    quants_at<TYPE>(block, place % block_size(TYPE) + 8, w.quants + 2, w.scale, w.minimum);
  } else {
    w = weight_piece{{0, 0, 0, 0}, 0, 0};
  }
}

template <int TYPE>
INLINE void put(blocks_stage &stage, const weight_piece &w) {
  const int row = threadIdx.x / (LINE / 16), part = threadIdx.x % (LINE / 16);
  *(uint4 *)piece(stage.w, row, part) = uint4{w.quants[0], w.quants[1], w.quants[2], w.quants[3]};
  float2 &scales = stage.w_scales[part / 2][row];
  if (TYPE == Q6_K) (part % 2 == 0 ? scales.x : scales.y) = w.scale;
  else if (part % 2 == 0) scales = float2{w.scale, w.minimum};
}

template <int TYPE>
INLINE void multiply_tile(const martlet_gpu_linear &a, blocks_stage *stages) {
  constexpr bool HAS_MINIMUM = TYPE == Q4_1 || TYPE == Q5_1 || TYPE == Q4_K || TYPE == Q5_K;
  const int first_token = blockIdx.y * TILE_TOKENS, first_row = blockIdx.x * TILE_ROWS, lane = lane_index();
  // Eight groups of lanes: four quarters of the rows of x, two halves of the rows of the weights.
  const int token_base = group_index() / 2 * 32, row_base = group_index() % 2 * 32;
  float acc[2][4][4];
#pragma unroll
  for (int i = 0; i < 32; i++) acc[i / 16][i / 4 % 4][i % 4] = 0;
  weight_piece next;
  fetch(a, stages[0], first_token, 0);
  unpack<TYPE>(a, next, first_row, 0);
  put<TYPE>(stages[0], next);
  for (int column = 0, step = 0; column < a.columns; column += LINE, step++) {
    await_copies<0>();
    __syncthreads();
    blocks_stage &now = stages[step % 2], &after = stages[1 - step % 2];
    const bool goes_on = column + LINE < a.columns;
    if (goes_on) fetch(a, after, first_token, column + LINE);
#pragma unroll
    for (int g = 0; g < GROUPS_AT_ONCE; g++) {
      u32 right[4][2];
#pragma unroll
      for (int j = 0; j < 4; j += 2)
        load_matrices(right[j], piece(now.w, row_base + 8 * j + lane % 8 + lane / 16 * 8, 2 * g + lane / 8 % 2));
#pragma unroll
      for (int i = 0; i < 2; i++) {
        u32 left[4];
        load_matrices(left, piece(now.x, token_base + 16 * i + lane % 16, 2 * g + lane / 16));
        const float2 x_scales[2] = {now.x_scales[g][token_base + i * 16 + lane / 4],
                                    now.x_scales[g][token_base + i * 16 + lane / 4 + 8]};
#pragma unroll
        for (int j = 0; j < 4; j++) {
          const float4 w_scales = *(const float4 *)&now.w_scales[g][row_base + 8 * j + lane % 4 * 2];
          const float scale[2] = {w_scales.x, w_scales.z}, other[2] = {w_scales.y, w_scales.w};
          int sums[4], more[4];
          if (TYPE == Q6_K) {
            multiply_half(sums, left, right[j][0], SUM_BEGIN);
            multiply_half(more, left + 2, right[j][1], SUM_BEGIN);
          } else {
            multiply_bytes(sums, left, right[j], SUM_BEGIN);
          }
#pragma unroll
          for (int e = 0; e < 4; e++) {
            const float products = TYPE == Q6_K ? scale[e % 2] * sum_of(sums[e]) + other[e % 2] * sum_of(more[e])
                                                : scale[e % 2] * sum_of(sums[e]);
            float &sum = acc[i][j][e];
            sum = fmaf(x_scales[e / 2].x, products, sum);
            if (HAS_MINIMUM) sum = fmaf(x_scales[e / 2].y, other[e % 2], sum);
          }
        }
      }
      // Between the groups, so that registers suffice.
      if (g == 0 && goes_on) unpack<TYPE>(a, next, first_row, column + LINE);
    }
    if (goes_on) put<TYPE>(after, next);
  }
#pragma unroll
  for (int i = 0; i < 32; i++) {
    const int e = i % 4, token = first_token + token_base + i / 16 * 16 + lane / 4 + e / 2 * 8;
    const int row = first_row + row_base + i / 4 % 4 * 8 + lane % 4 * 2 + e % 2;
    if (token >= a.tokens || row >= a.rows) continue;
    const float bias = a.bias ? load_one(a.bias_type, a.bias, row) : 0.0f;
    store_one(a.out.type, a.out.base, (i64)token * a.out.stride + row, acc[i / 16][i / 4 % 4][e] + bias);
  }
}

#define MULTIPLY_TILE(NAME, TYPE)                                                            \
  KERNEL_TOGETHER(TILE_THREADS, 2) multiply_tile_##NAME(const __grid_constant__ martlet_gpu_linear a) { \
    __shared__ alignas(16) blocks_stage stages[2];                                           \
    multiply_tile<TYPE>(a, stages);                                                          \
  }
MULTIPLY_TILE(q8_0, Q8_0)
MULTIPLY_TILE(q4_0, Q4_0)
MULTIPLY_TILE(q4_1, Q4_1)
MULTIPLY_TILE(q5_0, Q5_0)
MULTIPLY_TILE(q5_1, Q5_1)
MULTIPLY_TILE(q4_K, Q4_K)
MULTIPLY_TILE(q5_K, Q5_K)
MULTIPLY_TILE(q6_K, Q6_K)

#endif
