// Matrix products with packed plain weights. Included once by each level file.
//
// A panel holds 16 rows of weights, so that one register has 16 outputs' weights for one column (f32, f16: [columns][16]) or
// for two neighbouring ones (bf16: [columns / 2][16][2], as the processors' own instruction for bf16 takes them). It is
// multiplied by these columns of several tokens, broadcast. Every output is one chain of additions over the columns in
// order, so a row's bits do not depend on how many tokens or panels are computed at once.

enum {
  /// Bytes ahead that panels are asked for when each weight is used once.
  PREFETCH = 4096,
  MAX_PANELS = TILE_PANELS > 2 ? TILE_PANELS : 2,
  MAX_TILE = TILE_PANELS * TILE_TOKENS > 4 ? TILE_PANELS * TILE_TOKENS : 4,
};

/// Panels that are multiplied with all tokens before the next ones are taken: as many as stay in the second cache.
INLINE size_t panel_block(size_t panel_bytes, size_t first, size_t last) {
  const size_t fitting = CACHE_BLOCK_BYTES / (panel_bytes ? panel_bytes : 1) / TILE_PANELS * TILE_PANELS;
  const size_t count = fitting < TILE_PANELS ? TILE_PANELS : fitting;
  return count < last - first ? count : last - first;
}

INLINE i32x16 load_bytes(const void *p) {
  i32x16 v;
  memcpy(&v, p, sizeof v);
  return v;
}

/// Asks for what lies `ahead` bytes behind a place in each panel; for nothing if that is 0.
INLINE void prefetch_panels(const char *weights, size_t panel_bytes, const int panels, size_t ahead) {
  if (ahead)
    for (int p = 0; p < panels; p++) __builtin_prefetch(weights + p * panel_bytes + ahead);
}

/// `tokens` outputs of `panels` neighbouring panels; x is f32.
INLINE void gemm_tile(const int weight_type, const char *weights, size_t panel_bytes, const int panels, size_t columns,
                      size_t ahead, const float *x, size_t x_stride, const int tokens, f32x16 *sums) {
  f32x16 acc[MAX_TILE];
  for (int i = 0; i < panels * tokens; i++) acc[i] = splat(0.0f);
  const size_t step = weight_type == MARTLET_BF16 ? 2 : 1;
  for (size_t k = 0; k < columns; k += step) {
    prefetch_panels(weights + k * LANES * type_size(weight_type), panel_bytes, panels, ahead);
    f32x16 w[2][MAX_PANELS];
    for (int p = 0; p < panels; p++) {
      const char *at = weights + p * panel_bytes + k * LANES * type_size(weight_type);
      if (weight_type == MARTLET_BF16) {
        const i32x16 pair = load_bytes(at);
        w[0][p] = (f32x16)(pair << 16);
        w[1][p] = (f32x16)(pair & (int32_t)0xffff0000);
      } else {
        w[0][p] = load(weight_type, at, 0);
      }
    }
    for (size_t i = 0; i < step; i++) {
      if (i == 1 && k + 1 == columns) break;
      for (int t = 0; t < tokens; t++) {
        const f32x16 value = splat(x[t * x_stride + k + i]);
        for (int p = 0; p < panels; p++) acc[p * tokens + t] = multiply_add(w[i][p], value, acc[p * tokens + t]);
      }
    }
  }
  for (int i = 0; i < panels * tokens; i++) sums[i] = acc[i];
}

#if MARTLET_HAS_BF16
/// The same with bf16 on both sides. Products of two columns are added at once; subnormal numbers count as zero.
INLINE void gemm_tile_bf16(const char *weights, size_t panel_bytes, const int panels, size_t columns, size_t ahead,
                           const uint16_t *x, size_t x_stride, const int tokens, f32x16 *sums) {
  f32x16 acc[MAX_TILE];
  for (int i = 0; i < panels * tokens; i++) acc[i] = splat(0.0f);
  for (size_t k = 0; k < columns; k += 2) {
    prefetch_panels(weights + k * LANES * 2, panel_bytes, panels, ahead);
    i32x16 w[MAX_PANELS];
    for (int p = 0; p < panels; p++) w[p] = load_bytes(weights + p * panel_bytes + k * LANES * 2);
    for (int t = 0; t < tokens; t++) {
      int32_t pair;
      if (k + 1 < columns) memcpy(&pair, x + t * x_stride + k, 4);
      else pair = x[t * x_stride + k];
      for (int p = 0; p < panels; p++) acc[p * tokens + t] = dot2(acc[p * tokens + t], w[p], isplat(pair));
    }
  }
  for (int i = 0; i < panels * tokens; i++) sums[i] = acc[i];
}
#endif

/// Adds the bias and writes one panel's outputs of one token, cut at the last valid row.
INLINE void write_panel(f32x16 sum, size_t panel, size_t rows, const float *bias, int out_type, void *out,
                        size_t row_start) {
  size_t first = panel * LANES;
  size_t valid = rows - first;
  if (bias) sum += load_some(MARTLET_F32, bias, first, valid);
  FOR_TYPE(out_type, store_some(T, out, row_start + first, sum, valid));
}

INLINE void gemm_outputs(const int weight_type, const int x_type, const char *weights, size_t panel_bytes, size_t panel,
                         const int panels, size_t rows, size_t columns, const void *x, size_t x_stride, size_t token,
                         const int tokens, size_t ahead, const float *bias, int out_type, void *out,
                         size_t out_stride) {
  f32x16 sums[MAX_TILE];
#if MARTLET_HAS_BF16
  if (x_type == MARTLET_BF16) {
    gemm_tile_bf16(weights + panel * panel_bytes, panel_bytes, panels, columns, ahead,
                   (const uint16_t *)x + token * x_stride, x_stride, tokens, sums);
  } else
#endif
    gemm_tile(weight_type, weights + panel * panel_bytes, panel_bytes, panels, columns, ahead,
              (const float *)x + token * x_stride, x_stride, tokens, sums);
  for (int p = 0; p < panels; p++)
    for (int t = 0; t < tokens; t++)
      write_panel(sums[p * tokens + t], panel + p, rows, bias, out_type, out, (token + t) * out_stride);
}

INLINE void gemm_of(const int weight_type, const int x_type, const char *weights, size_t first, size_t last, size_t rows,
                    size_t columns, const void *x, size_t x_stride, size_t tokens, const float *bias, int out_type,
                    void *out, size_t out_stride) {
  const size_t panel_bytes = martlet_plain_panel_bytes(weight_type, columns);
#define OUTPUTS(PANELS, TOKENS, AHEAD)                                                                                 \
  gemm_outputs(weight_type, x_type, weights, panel_bytes, panel, PANELS, rows, columns, x, x_stride, token, TOKENS,     \
               AHEAD, bias, out_type, out, out_stride)
// The first tokens bring a block of panels into the cache, where the others find it.
#define BLOCK_OUTPUTS(PANELS, TOKENS)                                                                                  \
  {                                                                                                                    \
    size_t panel = start;                                                                                              \
    for (; panel + PANELS <= end; panel += PANELS) OUTPUTS(PANELS, TOKENS, token == 0 ? PANELS * panel_bytes : 0);     \
    for (; panel < end; panel++) OUTPUTS(1, TOKENS, 0);                                                                \
    token += TOKENS;                                                                                                   \
  }
  if (tokens == 1) {
    // Two panels at once, or the additions' latency would be the limit.
    size_t panel = first, token = 0;
    for (; panel + 2 <= last; panel += 2) OUTPUTS(2, 1, PREFETCH);
    for (; panel < last; panel++) OUTPUTS(1, 1, PREFETCH);
    return;
  }
  const size_t block = panel_block(panel_bytes, first, last);
  for (size_t start = first; start < last; start += block) {
    const size_t end = start + block < last ? start + block : last;
    size_t token = 0;
    while (token + TILE_TOKENS <= tokens) BLOCK_OUTPUTS(TILE_PANELS, TILE_TOKENS)
    while (TILE_TOKENS > 4 && token + 4 <= tokens) BLOCK_OUTPUTS(TILE_PANELS, 4)
    while (token + 2 <= tokens) BLOCK_OUTPUTS(2, 2)
    while (token < tokens) BLOCK_OUTPUTS(2, 1)
  }
#undef BLOCK_OUTPUTS
#undef OUTPUTS
}

static void gemm(int weight_type, const void *panels, size_t first, size_t last, size_t rows, size_t columns, int x_type,
                 const void *x, size_t x_stride, size_t tokens, const float *bias, int out_type, void *out,
                 size_t out_stride) {
#if MARTLET_HAS_BF16
  if (x_type == MARTLET_BF16)
    return gemm_of(MARTLET_BF16, MARTLET_BF16, panels, first, last, rows, columns, x, x_stride, tokens, bias, out_type,
                   out, out_stride);
#endif
  FOR_TYPE(weight_type, gemm_of(T, MARTLET_F32, panels, first, last, rows, columns, x, x_stride, tokens, bias, out_type,
                                out, out_stride));
}
