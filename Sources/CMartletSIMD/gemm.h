// Matrix products with packed plain weights. Included once by each level file.
//
// A panel holds 16 rows of weights as [columns][16]: one load gives 16 outputs' weights for one column, which is
// multiplied by that column of several tokens, broadcast. Every output is one chain of additions over the columns in
// order, so a row's bits do not depend on how many tokens or panels are computed at once.

/// `tokens` outputs of `panels` neighbouring panels.
INLINE void gemm_tile(const int weight_type, const void *weights, size_t panel_elements, const int panels,
                      size_t columns, const float *x, size_t x_stride, const int tokens, f32x16 *sums) {
  f32x16 acc[MAX_TILE];
  for (int i = 0; i < panels * tokens; i++) acc[i] = splat(0.0f);
  for (size_t k = 0; k < columns; k++) {
    for (int p = 0; p < panels; p++) {
      f32x16 w = load(weight_type, weights, p * panel_elements + k * LANES);
      for (int t = 0; t < tokens; t++) {
        acc[p * tokens + t] = multiply_add(w, splat(x[t * x_stride + k]), acc[p * tokens + t]);
      }
    }
  }
  for (int i = 0; i < panels * tokens; i++) sums[i] = acc[i];
}

/// Adds the bias and writes one panel's outputs of one token, cut at the last valid row.
INLINE void write_panel(f32x16 sum, size_t panel, size_t rows, const float *bias, int out_type, void *out,
                        size_t row_start) {
  size_t first = panel * LANES;
  size_t valid = rows - first;
  if (bias) sum += load_some(MARTLET_F32, bias, first, valid);
  FOR_TYPE(out_type, store_some(T, out, row_start + first, sum, valid));
}

#define GEMM_TILE(PANELS, TOKENS)                                                                          \
  do {                                                                                                     \
    f32x16 sums[PANELS * TOKENS];                                                                          \
    gemm_tile(weight_type, (const char *)weights + panel * panel_elements * type_size(weight_type),         \
              panel_elements, PANELS, columns, x + token * x_stride, x_stride, TOKENS, sums);               \
    for (int p = 0; p < PANELS; p++)                                                                       \
      for (int t = 0; t < TOKENS; t++)                                                                     \
        write_panel(sums[p * TOKENS + t], panel + p, rows, bias, out_type, out, (token + t) * out_stride);  \
  } while (0)

INLINE void gemm_of(const int weight_type, const void *weights, size_t first, size_t last, size_t rows, size_t columns,
                    const float *x, size_t x_stride, size_t tokens, const float *bias, int out_type, void *out,
                    size_t out_stride) {
  const size_t panel_elements = columns * LANES;
  size_t token = 0;
  // Many tokens: the tokens' rows stay in the first cache while the panel streams by.
  for (; token + TILE_TOKENS <= tokens; token += TILE_TOKENS)
    for (size_t panel = first; panel < last; panel++) GEMM_TILE(1, TILE_TOKENS);
  for (; token + 2 <= tokens; token += 2) {
    size_t panel = first;
    for (; panel + 2 <= last; panel += 2) GEMM_TILE(2, 2);
    for (; panel < last; panel++) GEMM_TILE(1, 2);
  }
  // One token: several panels at once, or the additions' latency would be the limit.
  for (; token < tokens; token++) {
    size_t panel = first;
    for (; panel + 4 <= last; panel += 4) GEMM_TILE(4, 1);
    for (; panel < last; panel++) GEMM_TILE(1, 1);
  }
}

static void gemm(int weight_type, const void *panels, size_t first, size_t last, size_t rows, size_t columns,
                 const float *x, size_t x_stride, size_t tokens, const float *bias, int out_type, void *out,
                 size_t out_stride) {
  FOR_TYPE(weight_type, gemm_of(T, panels, first, last, rows, columns, x, x_stride, tokens, bias, out_type, out,
                                out_stride));
}
