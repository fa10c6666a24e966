// Attention over a paged KV cache, and writing to it. Included once by each level file.
//
// Keys are stored transposed, so a block of 16 keys is a panel like those of a matrix product: scores of 16 keys come
// out of one register. Keys are taken in segments of 256 from the start of the sequence; each segment is softmaxed on
// its own and merged with what came before in order. A query's bits therefore depend only on its own keys: not on the
// chunk, the batch or the thread that it is computed in. (Online softmax: Milakov and Gimelshein 2018; the split into
// segments: FlashDecoding, 2023.)

/// The f16 scales after a head's 8-bit keys or values in a block.
INLINE uint16_t *scales_after(const void *quants, size_t dim) {
  return (uint16_t *)((char *)quants + dim * MARTLET_KV_BLOCK);
}

INLINE f32x16 load_q8(const int8_t *p) {
  i8x16 v;
  memcpy(&v, p, sizeof v);
  return __builtin_convertvector(v, f32x16);
}

/// Rounds 32 or fewer numbers to 8 bits; returns the scale, an f16.
INLINE uint16_t quantize_q8(const int type, const void *x, size_t i, size_t count, int8_t *out) {
  f32x16 parts[2] = {load_some(type, x, i, count), splat(0.0f)};
  if (count > LANES) parts[1] = load_some(type, x, i + LANES, count - LANES);
  // Beyond the range of f16 the scale is infinity or NaN and the numbers are zeros: their product shows it.
  const u16x16 scale = f32_to_f16(splat(largest_magnitude(parts[0], parts[1]) / 127.0f));
  const f32x16 divisor = f16_to_f32(scale), limit = splat(127.0f), magic = splat(0x1.8p23f);
  const i32x16 usable = (i32x16)(divisor > splat(0.0f)) & (i32x16)(divisor < splat(INFINITY));
  for (int part = 0; part < 2; part++) {
    f32x16 q = select(usable, parts[part] / divisor, splat(0.0f));
    q = select((i32x16)(q > limit), limit, select((i32x16)(q < -limit), -limit, q));
    i8x16 bytes = __builtin_convertvector(q + magic - magic, i8x16);
    memcpy(out + part * LANES, &bytes, sizeof bytes);
  }
  return scale[0];
}

INLINE void cache_write_q8(const int type, const void *key, const void *value, size_t head_dim, size_t padded_dim,
                           size_t slot, int8_t *key_block, int8_t *value_block) {
  const size_t groups = martlet_kv_groups(padded_dim);
  for (size_t group = 0; group < groups; group++) {
    const size_t i = group * MARTLET_GROUP;
    const size_t n = head_dim - i < MARTLET_GROUP ? head_dim - i : MARTLET_GROUP;
    int8_t quants[MARTLET_GROUP];
    scales_after(key_block, head_dim)[group * MARTLET_KV_BLOCK + slot] = quantize_q8(type, key, i, n, quants);
    for (size_t j = 0; j < n; j++) key_block[(i + j) * MARTLET_KV_BLOCK + slot] = quants[j];
    scales_after(value_block, padded_dim)[slot * groups + group] = quantize_q8(type, value, i, n, quants);
    const size_t padded = padded_dim - i < MARTLET_GROUP ? padded_dim - i : MARTLET_GROUP;
    memcpy(value_block + slot * padded_dim + i, quants, padded);
  }
}

INLINE void cache_write_of(const int type, const void *key, const void *value, const int cache_type, size_t head_dim,
                           size_t padded_dim, size_t slot, void *key_block, void *value_block) {
  for (size_t i = 0; i < head_dim; i += LANES) {
    size_t n = head_dim - i < LANES ? head_dim - i : LANES;
    _Alignas(64) char buffer[64];
    store(cache_type, buffer, 0, load_some(type, key, i, n));
    const size_t size = type_size(cache_type);
    for (size_t j = 0; j < n; j++)
      memcpy((char *)key_block + ((i + j) * MARTLET_KV_BLOCK + slot) * size, buffer + j * size, size);
  }
  for (size_t i = 0; i < padded_dim; i += LANES) {
    size_t n = head_dim > i ? head_dim - i : 0;
    store(cache_type, value_block, slot * padded_dim + i, load_some(type, value, i, n));
  }
}
INLINE void cache_write_from(const int type, const void *key, const void *value, int cache_type, size_t head_dim,
                             size_t padded_dim, size_t slot, void *key_block, void *value_block) {
  if (cache_type == MARTLET_Q8_0)
    return cache_write_q8(type, key, value, head_dim, padded_dim, slot, key_block, value_block);
  FOR_TYPE(cache_type, cache_write_of(type, key, value, T, head_dim, padded_dim, slot, key_block, value_block));
}
static void cache_write(int type, const void *key, const void *value, int cache_type, size_t head_dim,
                        size_t padded_dim, size_t slot, void *key_block, void *value_block) {
  FOR_TYPE(type,
           cache_write_from(T, key, value, cache_type, head_dim, padded_dim, slot, key_block, value_block));
}

/// Sums that grow side by side: enough to cover the latency of an addition, few enough to stay in registers.
#if MARTLET_HAS_WIDE_REGISTERS
#define ATTENTION_SUMS 16
#else
#define ATTENTION_SUMS 8
#endif

enum {
  /// Keys ahead that are asked for while others are worked on.
  PREFETCH_KEYS = 4 * MARTLET_KV_BLOCK,
};

/// Asks for the 16 numbers of a place in a block that is needed later, once for each line of the cache.
INLINE void prefetch_part(const int type, const char *block, size_t index) {
  const size_t offset = index * LANES * (type == MARTLET_Q8_0 ? 1 : type_size(type));
  if (offset % 64 == 0) __builtin_prefetch(block + offset);
}

/// One head's keys or values in the block that holds a token.
INLINE const char *block_keys(const martlet_kv_view *view, const int32_t *table, size_t head, size_t key) {
  return (const char *)view->keys + table[key / MARTLET_KV_BLOCK] * view->key_block_stride + head * view->key_head_stride;
}
INLINE const char *block_values(const martlet_kv_view *view, const int32_t *table, size_t head, size_t key) {
  return (const char *)view->values + table[key / MARTLET_KV_BLOCK] * view->value_block_stride +
         head * view->value_head_stride;
}

/// Scores of `rows` queries against `blocks` blocks of 16 keys from `key` on.
INLINE void score_blocks(const int type, const martlet_kv_view *view, const int32_t *table, size_t head, size_t key,
                         size_t last, const int blocks, const float *queries, size_t stride, const int rows,
                         float *scores) {
  const char *keys[ATTENTION_SUMS], *later[ATTENTION_SUMS];
  f32x16 acc[ATTENTION_SUMS];
  for (int b = 0; b < blocks; b++) {
    const size_t at = key + b * MARTLET_KV_BLOCK;
    keys[b] = block_keys(view, table, head, at);
    later[b] = block_keys(view, table, head, at + PREFETCH_KEYS <= last ? at + PREFETCH_KEYS : at);
  }
  for (int i = 0; i < blocks * rows; i++) acc[i] = splat(0.0f);
  const size_t step = type == MARTLET_Q8_0 ? MARTLET_GROUP : view->head_dim;
  for (size_t start = 0; start < view->head_dim; start += step) {
    const size_t end = view->head_dim - start < step ? view->head_dim : start + step;
    f32x16 sums[ATTENTION_SUMS];
    for (int i = 0; i < blocks * rows; i++) sums[i] = splat(0.0f);
    for (size_t d = start; d < end; d++)
      for (int b = 0; b < blocks; b++) {
        prefetch_part(type, later[b], d);
        const f32x16 k = type == MARTLET_Q8_0 ? load_q8((const int8_t *)keys[b] + d * MARTLET_KV_BLOCK)
                                              : load(type, keys[b], d * MARTLET_KV_BLOCK);
        for (int r = 0; r < rows; r++)
          sums[b * rows + r] = multiply_add(k, splat(queries[r * stride + d]), sums[b * rows + r]);
      }
    for (int b = 0; b < blocks; b++) {
      if (type == MARTLET_Q8_0) {
        const uint16_t *after = scales_after(keys[b], view->head_dim);
        const f32x16 scales = load(MARTLET_F16, after, start / MARTLET_GROUP * MARTLET_KV_BLOCK);
        for (int r = 0; r < rows; r++)
          acc[b * rows + r] = multiply_add(sums[b * rows + r], scales, acc[b * rows + r]);
      } else {
        for (int r = 0; r < rows; r++) acc[b * rows + r] = sums[b * rows + r];
      }
    }
  }
  for (int b = 0; b < blocks; b++)
    for (int r = 0; r < rows; r++)
      store(MARTLET_F32, scores, r * MARTLET_SEGMENT + b * MARTLET_KV_BLOCK, acc[b * rows + r] * splat(view->scale));
}

/// The weighted sum of values over the segment for `parts` times 16 of the head's dimensions.
INLINE void weigh_values(const int type, const martlet_kv_view *view, const int32_t *table, size_t head, size_t begin,
                         size_t start, size_t end, size_t last, size_t dim, const int parts, const float *weights,
                         const int rows, float *output) {
  f32x16 acc[ATTENTION_SUMS];
  for (int i = 0; i < parts * rows; i++) acc[i] = splat(0.0f);
  const size_t groups = martlet_kv_groups(view->padded_dim);
  for (size_t key = start; key < end; key += MARTLET_KV_BLOCK) {
    const char *values = block_values(view, table, head, key);
    const char *later = block_values(view, table, head, key + PREFETCH_KEYS <= last ? key + PREFETCH_KEYS : key);
    size_t count = end - key < MARTLET_KV_BLOCK ? end - key : MARTLET_KV_BLOCK;
    for (size_t j = 0; j < count; j++)
      for (int part = 0; part < parts; part++) {
        const size_t i = dim + part * LANES;
        prefetch_part(type, later, (j * view->padded_dim + i) / LANES);
        f32x16 v;
        if (type == MARTLET_Q8_0) {
          const uint16_t scale = scales_after(values, view->padded_dim)[j * groups + i / MARTLET_GROUP];
          v = load_q8((const int8_t *)values + j * view->padded_dim + i) * f16_to_f32(scale - (u16x16){0});
        } else {
          v = load(type, values, j * view->padded_dim + i);
        }
        for (int r = 0; r < rows; r++)
          acc[part * rows + r] =
              multiply_add(v, splat(weights[r * MARTLET_SEGMENT + (key - begin) + j]), acc[part * rows + r]);
      }
  }
  for (int part = 0; part < parts; part++)
    for (int r = 0; r < rows; r++)
      store(MARTLET_F32, output, r * view->padded_dim + dim + part * LANES, acc[part * rows + r]);
}

/// Turns one row's scores from `skip` on into exponentials in place; what lies outside of `first..<visible` becomes zero.
INLINE void softmax_row(float *scores, size_t skip, size_t count, int32_t first, int32_t visible, float *maximum,
                        float *sum) {
  const i32x16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  f32x16 largest = splat(-INFINITY);
  for (size_t i = skip; i < count; i += LANES) {
    i32x16 key = lane + (int32_t)i;
    i32x16 hidden = (i32x16)(key >= visible) | (i32x16)(key < first);
    f32x16 v = select(hidden, splat(-INFINITY), load(MARTLET_F32, scores, i));
    store(MARTLET_F32, scores, i, v);
    largest = select((i32x16)(v > largest), v, largest);
  }
  const float top = max_lanes(largest);
  f32x16 total = splat(0.0f);
  for (size_t i = skip; i < count; i += LANES) {
    i32x16 key = lane + (int32_t)i;
    i32x16 hidden = (i32x16)(key >= visible) | (i32x16)(key < first);
    f32x16 v = exponential(load(MARTLET_F32, scores, i) - splat(top));
    v = select(hidden, splat(0.0f), v);
    store(MARTLET_F32, scores, i, v);
    total += v;
  }
  *maximum = top;
  *sum = sum_lanes(total);
}

INLINE void attend_rows(const int type, const martlet_kv_view *view, const int32_t *table, size_t head,
                        const float *queries, size_t stride, const int32_t *firsts, const int32_t *limits,
                        const int rows, size_t begin, size_t end, float *scores, martlet_attention_state state) {
  // No key beyond what the furthest row sees is read as a value: its slot may not have been written yet. Blocks that no
  // row sees any more are passed over, which adds the same zeros to every sum as reading them would.
  size_t furthest = begin, nearest = end;
  for (int r = 0; r < rows; r++) {
    if ((size_t)limits[r] > furthest) furthest = limits[r];
    if ((size_t)firsts[r] < nearest) nearest = firsts[r];
  }
  const size_t last = furthest - 1;
  if (furthest < end) end = furthest;
  const size_t start = nearest > begin ? nearest / MARTLET_KV_BLOCK * MARTLET_KV_BLOCK : begin;
  const int side_by_side = ATTENTION_SUMS / rows > 4 ? 4 : ATTENTION_SUMS / rows < 1 ? 1 : ATTENTION_SUMS / rows;
  size_t key = start;
  for (; key + side_by_side * MARTLET_KV_BLOCK <= end; key += side_by_side * MARTLET_KV_BLOCK)
    score_blocks(type, view, table, head, key, last, side_by_side, queries, stride, rows, scores + (key - begin));
  for (; key < end; key += MARTLET_KV_BLOCK)
    score_blocks(type, view, table, head, key, last, 1, queries, stride, rows, scores + (key - begin));
  for (int r = 0; r < rows; r++) {
    if ((size_t)limits[r] > begin && (size_t)firsts[r] < end && start < end) {
      softmax_row(scores + r * MARTLET_SEGMENT, start - begin, end - begin, firsts[r] - (int32_t)begin,
                  limits[r] - (int32_t)begin, &state.maximum[r], &state.sum[r]);
    } else {
      memset(scores + r * MARTLET_SEGMENT, 0, MARTLET_SEGMENT * sizeof(float));
      state.maximum[r] = -INFINITY;
      state.sum[r] = 0;
    }
  }
  size_t dim = 0;
  for (; dim + side_by_side * LANES <= view->padded_dim; dim += side_by_side * LANES)
    weigh_values(type, view, table, head, begin, start, end, last, dim, side_by_side, scores, rows, state.output);
  for (; dim < view->padded_dim; dim += LANES)
    weigh_values(type, view, table, head, begin, start, end, last, dim, 1, scores, rows, state.output);
}

INLINE martlet_attention_state advanced(martlet_attention_state state, int rows, size_t padded_dim) {
  return (martlet_attention_state){state.maximum + rows, state.sum + rows, state.output + rows * padded_dim};
}

/// Cuts the rows into tiles whose size is a constant to the compiler.
INLINE void attend_of(const int type, const martlet_kv_view *view, const int32_t *table, size_t head,
                      const float *queries, size_t stride, const int32_t *firsts, const int32_t *limits, size_t rows,
                      size_t begin, size_t end, float *scores, martlet_attention_state state) {
#define ATTEND(ROWS)                                                                                                  \
  if (rows >= ROWS) {                                                                                                 \
    attend_rows(type, view, table, head, queries, stride, firsts, limits, ROWS, begin, end, scores, state);           \
    rows -= ROWS, queries += ROWS * stride, firsts += ROWS, limits += ROWS;                                           \
    state = advanced(state, ROWS, view->padded_dim);                                                                  \
    continue;                                                                                                         \
  }
  while (rows > 0) {
    ATTEND(8)
    ATTEND(6)
    ATTEND(4)
    ATTEND(3)
    ATTEND(2)
    ATTEND(1)
  }
#undef ATTEND
}
static void attend(const martlet_kv_view *view, const int32_t *block_table, size_t head, const float *queries,
                   size_t query_stride, const int32_t *firsts, const int32_t *limits, size_t rows, size_t begin,
                   size_t end, float *scores, martlet_attention_state state) {
  if (view->type == MARTLET_Q8_0)
    return attend_of(MARTLET_Q8_0, view, block_table, head, queries, query_stride, firsts, limits, rows, begin, end,
                     scores, state);
  FOR_TYPE(view->type, attend_of(T, view, block_table, head, queries, query_stride, firsts, limits, rows, begin, end,
                                 scores, state));
}

static void merge(float *maximum, float *sum, float *output, float later_maximum, float later_sum,
                  const float *later_output, size_t padded_dim) {
  if (later_sum == 0) return;
  const float top = later_maximum > *maximum ? later_maximum : *maximum;
  f32x16 shifts = {*maximum - top, later_maximum - top};
  shifts = exponential(shifts);
  const float keep = shifts[0], add = shifts[1];
  for (size_t i = 0; i < padded_dim; i += LANES) {
    f32x16 kept = load(MARTLET_F32, output, i) * splat(keep);
    store(MARTLET_F32, output, i, multiply_add(load(MARTLET_F32, later_output, i), splat(add), kept));
  }
  *sum = *sum * keep + later_sum * add;
  *maximum = top;
}
