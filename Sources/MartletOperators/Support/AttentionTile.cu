// Causal attention of many queries in f16 or bf16 by the matrix units. A block has a tile of queries of one sequence and one
// key head: up to 128 rows, each a token and one of the query heads that share the key head. Keys come in tiles, the next
// one copied while one is at work; softmax is online, its weights rounded to the working type for the product with the
// values. A row's bits depend on its own keys only. (FlashAttention-2: Dao 2023.) Spills: none.

#if defined(MT_PLATFORM_NVIDIA)

enum { ATTENTION_TILE_ROWS = 128, TILE_WARPS = 4, TILE_THREADS = TILE_WARPS * GROUP, ROW_BLOCKS = 2, HELD_MOST = 64, TILE_STAGES = 2 };
static_assert(ATTENTION_TILE_ROWS == TILE_WARPS * ROW_BLOCKS * 16, "a warp has ROW_BLOCKS times 16 rows");

/// Rows of D elements in pieces of 16 bytes; pieces of neighbouring rows are in different banks.
template <class T, int D>
INLINE T *piece(T *rows, int row, int piece) {
  return rows + row * D + (piece ^ (row & 7)) * 8;
}

/// Asks for a tile of keys or values.
template <class T, int D, int KEYS, bool PAGED>
INLINE void fetch(const head_rows<T, D, PAGED> &rows, T *to, int start) {
  enum { PIECES = D / 8, ROWS_AT_ONCE = TILE_THREADS / PIECES };
  static_assert(KEYS % ROWS_AT_ONCE == 0, "whole passes");
  const int line = threadIdx.x / PIECES, column = threadIdx.x % PIECES;
#pragma unroll
  for (int pass = 0; pass < KEYS; pass += ROWS_AT_ONCE)
    rows.fetch(piece<T, D>(to, pass + line, column), start + pass + line, rows.block(start + pass + line));
}

template <class T, int D, int KEYS, bool PAGED>
INLINE void attend(const martlet_gpu_attention_tile &a, T *memory) {
  enum { QUERY_BLOCKS = D / 16, KEY_BLOCKS = KEYS / 16 };
  query_tile tile;
  if (!find_tile<PAGED>(a, blockIdx.x, ATTENTION_TILE_ROWS, tile)) return;
  T *const queries = memory, *const keys = queries + ATTENTION_TILE_ROWS * D, *const values = keys + TILE_STAGES * KEYS * D;
  const int lane = lane_index(), first_row = group_index() * (ROW_BLOCKS * 16);

  // Queries, and the first keys.
  for (int i = threadIdx.x; i < ATTENTION_TILE_ROWS * (D / 8); i += TILE_THREADS) {
    const int row = i / (D / 8), column = i % (D / 8), token = row / a.group;
    fetch_query<PAGED>(a, piece<T, D>(queries, row, column), tile.first + token, tile.head * a.group + row % a.group, column * 8,
                token < tile.tokens);
  }
  const int first_tile = a.window > 0 ? max(0, tile.least - a.window) / KEYS : 0;
  const int last_tile = (tile.limit - 1) / KEYS;
  const int column = threadIdx.x % (D / 8);
  const head_rows<T, D, PAGED> all_keys(a, tile, a.k, a.k_strides, column), all_values(a, tile, a.v, a.v_strides, column);
  fetch<T, D, KEYS>(all_keys, keys, first_tile * KEYS);
  fetch<T, D, KEYS>(all_values, values, first_tile * KEYS);
  close_copies();

  // Of each lane: rows lane / 4 and 8 more of every 16, columns 2 (lane % 4) and the next of every 8.
  float out[ROW_BLOCKS][D / 8][4], maximum[ROW_BLOCKS][2], sum[ROW_BLOCKS][2];
#pragma unroll
  for (int m = 0; m < ROW_BLOCKS; m++) {
#pragma unroll
    for (int i = 0; i < D / 8 * 4; i++) out[m][i / 4][i % 4] = 0;
#pragma unroll
    for (int h = 0; h < 2; h++) {
      maximum[m][h] = __int_as_float(0xff800000);
      sum[m][h] = 0;
    }
  }
  const float scale = a.scale * 1.44269504088896341f;
  // Small heads' queries stay in registers.
  constexpr bool IS_HELD = D <= HELD_MOST;
  u32 held[IS_HELD ? QUERY_BLOCKS : 1][ROW_BLOCKS][4];
  if (IS_HELD) {
    await_copies<0>();
    __syncthreads();
#pragma unroll
    for (int i = 0; i < QUERY_BLOCKS * ROW_BLOCKS; i++)
      load_matrices(held[i / ROW_BLOCKS * IS_HELD][i % ROW_BLOCKS],
                    piece<T, D>(queries, first_row + i % ROW_BLOCKS * 16 + lane % 16, i / ROW_BLOCKS * 2 + lane / 16));
  }

  for (int index = first_tile; index <= last_tile; index++) {
    const int stage = (index - first_tile) % TILE_STAGES, begin = index * KEYS;
    await_copies<0>();
    __syncthreads();
    if (index < last_tile) {
      const int next = KEYS * D * (1 - stage);
      fetch<T, D, KEYS>(all_keys, keys + next, begin + KEYS);
      fetch<T, D, KEYS>(all_values, values + next, begin + KEYS);
      close_copies();
    }
    const T *k = keys + stage * KEYS * D, *v = values + stage * KEYS * D;

    float scores[ROW_BLOCKS][KEYS / 8][4];
#pragma unroll
    for (int i = 0; i < ROW_BLOCKS * KEYS / 8 * 4; i++) scores[i / (KEYS / 2)][i / 4 % (KEYS / 8)][i % 4] = 0;
#pragma unroll
    for (int d = 0; d < QUERY_BLOCKS; d++) {
      u32 loaded[ROW_BLOCKS][4];
      u32(*left)[4] = IS_HELD ? held[d * IS_HELD] : loaded;
#pragma unroll
      for (int m = 0; m < ROW_BLOCKS && !IS_HELD; m++)
        load_matrices(loaded[m], piece<T, D>(queries, first_row + m * 16 + lane % 16, 2 * d + lane / 16));
#pragma unroll
      for (int j = 0; j < KEY_BLOCKS; j++) {
        u32 right[4];
        load_matrices(right, piece<const T, D>(k, 16 * j + lane % 8 + lane / 16 * 8, 2 * d + lane / 8 % 2));
#pragma unroll
        for (int m = 0; m < ROW_BLOCKS; m++) {
          multiply_add<T>(scores[m][2 * j], left[m], right);
          multiply_add<T>(scores[m][2 * j + 1], left[m], right + 2);
        }
      }
    }

    if (begin + KEYS > tile.least || (a.window > 0 && begin < tile.limit - a.window)) {
      int limit[ROW_BLOCKS][2];
#pragma unroll
      for (int i = 0; i < 2 * ROW_BLOCKS; i++)
        limit[i / 2][i % 2] = keys_of<PAGED>(a, tile.token(a, first_row + i / 2 * 16 + lane / 4 + i % 2 * 8));
#pragma unroll
      for (int i = 0; i < ROW_BLOCKS * KEYS / 8 * 4; i++) {
        const int m = i / (KEYS / 2), j = i / 4 % (KEYS / 8), e = i % 4;
        const int key = begin + 8 * j + lane % 4 * 2 + e % 2;
        if (key >= limit[m][e / 2] || (a.window > 0 && key < limit[m][e / 2] - a.window))
          scores[m][j][e] = __int_as_float(0xff800000);
      }
    }

#pragma unroll
    for (int m = 0; m < ROW_BLOCKS; m++)
#pragma unroll
      for (int h = 0; h < 2; h++) {
        float top = maximum[m][h];
#pragma unroll
        for (int j = 0; j < KEYS / 8; j++) top = fmaxf(top, fmaxf(scores[m][j][2 * h], scores[m][j][2 * h + 1]));
        top = fmaxf(top, from_lane_xor(top, 1));
        top = fmaxf(top, from_lane_xor(top, 2));
        // A row that has seen no key yet has no maximum to subtract.
        const float shift = top == __int_as_float(0xff800000) ? 0.0f : top * scale;
        const float keep = power_of_two(maximum[m][h] * scale - shift);
        maximum[m][h] = top;
        float added = 0;
#pragma unroll
        for (int j = 0; j < KEYS / 8; j++)
#pragma unroll
          for (int e = 2 * h; e < 2 * h + 2; e++) {
            scores[m][j][e] = power_of_two(fmaf(scores[m][j][e], scale, -shift));
            added += scores[m][j][e];
          }
        sum[m][h] = fmaf(sum[m][h], keep, added);
#pragma unroll
        for (int j = 0; j < D / 8; j++) out[m][j][2 * h] *= keep, out[m][j][2 * h + 1] *= keep;
      }

#pragma unroll
    for (int j = 0; j < KEY_BLOCKS; j++) {
      u32 left[ROW_BLOCKS][4];
#pragma unroll
      for (int m = 0; m < ROW_BLOCKS; m++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const float *pair = scores[m][2 * j + i / 2] + i % 2 * 2;
          left[m][i] = narrow_pair<T>(pair[0], pair[1]);
        }
#pragma unroll
      for (int d = 0; d < D / 16; d++) {
        u32 right[4];
        load_transposed(right, piece<const T, D>(v, 16 * j + lane % 16, 2 * d + lane / 16));
#pragma unroll
        for (int m = 0; m < ROW_BLOCKS; m++) {
          multiply_add<T>(out[m][2 * d], left[m], right);
          multiply_add<T>(out[m][2 * d + 1], left[m], right + 2);
        }
      }
    }
  }

  // Through the queries' memory, of which a warp has its own rows, so that whole pieces are stored.
#pragma unroll
  for (int m = 0; m < ROW_BLOCKS; m++)
#pragma unroll
    for (int h = 0; h < 2; h++) {
      const float total = sum_lanes(sum[m][h], 4), share = 1.0f / total;
      const int row = first_row + m * 16 + lane / 4 + h * 8;
#pragma unroll
      for (int j = 0; j < D / 8; j++) {
        const float left = out[m][j][2 * h] * share, right = out[m][j][2 * h + 1] * share;
        if (!is_wide<PAGED>(a)) *(u32 *)(piece<T, D>(queries, row, j) + lane % 4 * 2) = narrow_pair<T>(left, right);
        else if (row / a.group < tile.tokens)
          store_wide(a, tile.first + row / a.group, tile.head * a.group + row % a.group, 8 * j + lane % 4 * 2, left, right);
      }
    }
  if (is_wide<PAGED>(a)) return;
  sync_lanes();
  for (int i = lane; i < ROW_BLOCKS * 16 * (D / 8); i += GROUP) {
    const int row = first_row + i / (D / 8), column = i % (D / 8), token = row / a.group;
    if (token >= tile.tokens) continue;
    T *to = (T *)a.out + (tile.first + token) * a.out_strides[0] +
            (tile.head * a.group + row % a.group) * a.out_strides[1] + column * 8;
    *(uint4 *)to = *(const uint4 *)piece<T, D>(queries, row, column);
  }
}

extern __shared__ uint4 attention_tile_shared[];
#define ATTEND_TILE(SOURCE, PAGED, NAME, T, D, KEYS)                                                             \
  KERNEL(TILE_THREADS)                                                                                          \
  attend_tile_##SOURCE##_##NAME##_##D(const __grid_constant__ martlet_gpu_attention_tile a) {                   \
    attend<T, D, KEYS, PAGED>(a, (T *)attention_tile_shared);                                                   \
  }
// As many keys as registers allow.
#define ATTEND_TILES(NAME, T)                  \
  ATTEND_TILE(plain, false, NAME, T, 64, 64)   \
  ATTEND_TILE(paged, true, NAME, T, 64, 64)    \
  ATTEND_TILE(plain, false, NAME, T, 128, 32)  \
  ATTEND_TILE(paged, true, NAME, T, 128, 32)
ATTEND_TILES(f16, f16)
ATTEND_TILES(bf16, bf16)

#endif
