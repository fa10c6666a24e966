// Matrix products with packed quantised weights and activations quantised to 8 bits. Included once by each level file.
//
// Within a group of 32 columns the products are summed exactly in integers; groups are then scaled and added in f32 in
// their order. So the bits of a row depend neither on the number of tokens nor on the integer instructions used.

/// A row of quantised activations: see `martlet_quantized_row_bytes`.
typedef struct {
  const int8_t *quants;
  const float *scales;
  const int32_t *sums;          // per 16 columns
  const float *scaled_sums;     // per 32 columns
} quantized_row;

INLINE quantized_row row_at(const void *rows, size_t index, size_t columns) {
  const char *p = (const char *)rows + index * martlet_quantized_row_bytes(columns);
  quantized_row row;
  row.quants = (const int8_t *)p;
  row.scales = (const float *)(p + columns);
  row.sums = (const int32_t *)(p + columns + columns / 32 * 4);
  row.scaled_sums = (const float *)(p + columns + columns / 32 * 12);
  return row;
}

INLINE void quantize_row_of(const int type, const void *x, void *out, size_t columns) {
  int8_t *quants = out;
  float *scales = (float *)((char *)out + columns);
  int32_t *sums = (int32_t *)((char *)out + columns + columns / 32 * 4);
  float *scaled_sums = (float *)((char *)out + columns + columns / 32 * 12);
  for (size_t group = 0; group < columns / 32; group++) {
    f32x16 low = load(type, x, group * 32), high = load(type, x, group * 32 + 16);
    // Magnitudes compare like their bits, NaN above all.
    i32x16 a = (i32x16)low & 0x7fffffff, b = (i32x16)high & 0x7fffffff;
    const i32x16 larger = (a & (i32x16)(a > b)) | (b & (i32x16)(a <= b));
    int32_t bits = larger[0];
    for (int i = 1; i < LANES; i++) bits = larger[i] > bits ? larger[i] : bits;
    const float largest = ((f32x16)isplat(bits))[0];
    // A group with NaN or infinity gets a NaN for its scale, so that the result shows it. One so small that its scale
    // has no finite inverse counts as zeros.
    const bool tiny = largest < 0x1p-120f, usable = !tiny && largest < INFINITY;
    const float scale = usable ? largest / 127.0f : tiny ? 0.0f : NAN;
    f32x16 inverse = splat(usable ? 127.0f / largest : 0.0f);
    const i32x16 kept = isplat(usable ? -1 : 0);
    low = (f32x16)((i32x16)low & kept);
    high = (f32x16)((i32x16)high & kept);
    const f32x16 magic = splat(0x1.8p23f);  // adding and taking it away rounds to the nearest integer, ties to even
    f32x16 p = low * inverse + magic - magic, q = high * inverse + magic - magic;
    i32x16 lows = __builtin_convertvector(p, i32x16), highs = __builtin_convertvector(q, i32x16);
    int32_t sum_low = 0, sum_high = 0;
    for (int i = 0; i < 16; i++) {
      quants[group * 32 + i] = (int8_t)lows[i];
      quants[group * 32 + 16 + i] = (int8_t)highs[i];
      sum_low += lows[i];
      sum_high += highs[i];
    }
    scales[group] = scale;
    sums[group * 2] = sum_low;
    sums[group * 2 + 1] = sum_high;
    scaled_sums[group] = scale * (float)(sum_low + sum_high);
  }
}
static void quantize_row(int type, const void *x, void *out, size_t columns) {
  FOR_TYPE(type, quantize_row_of(T, x, out, columns));
}

#if !MARTLET_HAS_OWN_DOT4
/// Adds, lane by lane, four products of unsigned and signed bytes: `u` holds four columns of 16 rows, `x` the same four
/// columns of one token.
INLINE i32x16 dot4(i32x16 acc, i32x16 u, int32_t x) {
  for (int j = 0; j < 4; j++) acc += ((u >> (8 * j)) & 255) * (int32_t)(int8_t)(x >> (8 * j));
  return acc;
}
#endif

INLINE i32x16 load_bytes(const void *p) {
  i32x16 v;
  memcpy(&v, p, sizeof v);
  return v;
}

INLINE f32x16 load_scales(const int scale_bytes, const void *p) {
  return scale_bytes == 2 ? load(MARTLET_F16, p, 0) : load(MARTLET_F32, p, 0);
}

INLINE int32_t four(const int8_t *p) {
  int32_t x;
  memcpy(&x, p, 4);
  return x;
}

/// `tokens` outputs of `panels` neighbouring panels, with the format's fields as constants.
INLINE void quantized_tile(const int bits, const int scale_bytes, const bool has_minimum, const int groups,
                           const char *weights, size_t panel_bytes, const int panels, size_t columns,
                           const quantized_row *x, const int tokens, f32x16 *results) {
  const int quant_bytes = bits == 4 ? 256 : 512;
  const int scales_bytes = 16 * scale_bytes;
  const size_t group_bytes = quant_bytes + scales_bytes * groups + (has_minimum ? scales_bytes : 0);
  const int offset = has_minimum ? 0 : bits == 4 ? 8 : 128;
  const int steps = 8 / groups;  // registers of 4 columns that share a scale
  f32x16 acc[MAX_TILE];
  for (int i = 0; i < panels * tokens; i++) acc[i] = splat(0.0f);
  for (size_t group = 0; group < columns / 32; group++) {
    for (int p = 0; p < panels; p++) {
      const char *w = weights + p * panel_bytes + group * group_bytes;
      for (int part = 0; part < groups; part++) {
        i32x16 dots[MAX_TILE];
        for (int t = 0; t < tokens; t++) {
          int32_t sum = groups == 2 ? x[t].sums[group * 2 + part] : x[t].sums[group * 2] + x[t].sums[group * 2 + 1];
          dots[t] = isplat(offset ? -offset * sum : 0);
        }
        if (bits == 4) {
          for (int j = 0; j < steps / 2; j++) {
            i32x16 both = load_bytes(w + (part * (steps / 2) + j) * 64);
            i32x16 low = both & 0x0f0f0f0f, high = (both >> 4) & 0x0f0f0f0f;
            const size_t at = group * 32 + part * 16 + j * 8;
            for (int t = 0; t < tokens; t++) dots[t] = dot4(dots[t], low, four(x[t].quants + at));
            for (int t = 0; t < tokens; t++) dots[t] = dot4(dots[t], high, four(x[t].quants + at + 4));
          }
        } else {
          for (int j = 0; j < steps; j++) {
            i32x16 bytes = load_bytes(w + (part * steps + j) * 64);
            const size_t at = group * 32 + part * 16 + j * 4;
            for (int t = 0; t < tokens; t++) dots[t] = dot4(dots[t], bytes, four(x[t].quants + at));
          }
        }
        f32x16 scale = load_scales(scale_bytes, w + quant_bytes + part * scales_bytes);
        for (int t = 0; t < tokens; t++) {
          f32x16 value = __builtin_convertvector(dots[t], f32x16);
          acc[p * tokens + t] = multiply_add(value * scale, splat(x[t].scales[group]), acc[p * tokens + t]);
        }
      }
      if (has_minimum) {
        f32x16 minimum = load_scales(scale_bytes, w + quant_bytes + scales_bytes * groups);
        for (int t = 0; t < tokens; t++)
          acc[p * tokens + t] = multiply_add(minimum, splat(x[t].scaled_sums[group]), acc[p * tokens + t]);
      }
    }
  }
  for (int i = 0; i < panels * tokens; i++) results[i] = acc[i];
}

#define QUANTIZED_TILE(PANELS, TOKENS)                                                                              \
  do {                                                                                                              \
    f32x16 sums[PANELS * TOKENS];                                                                                   \
    quantized_tile(bits, scale_bytes, has_minimum, groups, (const char *)weights + panel * panel_bytes, panel_bytes, \
                   PANELS, columns, row, TOKENS, sums);                                                             \
    for (int p = 0; p < PANELS; p++)                                                                                \
      for (int t = 0; t < TOKENS; t++)                                                                              \
        write_panel(sums[p * TOKENS + t], panel + p, rows, bias, out_type, out, (token + t) * out_stride);           \
  } while (0)

INLINE void gemm_quantized_of(const int bits, const int scale_bytes, const bool has_minimum, const int groups,
                              const void *weights, size_t first, size_t last, size_t rows, size_t columns,
                              const void *x, size_t tokens, const float *bias, int out_type, void *out,
                              size_t out_stride) {
  const martlet_pack_format format = {bits, scale_bytes, has_minimum, groups};
  const size_t panel_bytes = martlet_panel_bytes(format, columns);
  quantized_row row[TILE_TOKENS];
  size_t token = 0;
  for (; token + TILE_TOKENS <= tokens; token += TILE_TOKENS) {
    for (int t = 0; t < TILE_TOKENS; t++) row[t] = row_at(x, token + t, columns);
    for (size_t panel = first; panel < last; panel++) QUANTIZED_TILE(1, TILE_TOKENS);
  }
  for (; token + 2 <= tokens; token += 2) {
    for (int t = 0; t < 2; t++) row[t] = row_at(x, token + t, columns);
    for (size_t panel = first; panel < last; panel++) QUANTIZED_TILE(1, 2);
  }
  for (; token < tokens; token++) {
    row[0] = row_at(x, token, columns);
    size_t panel = first;
    for (; panel + 2 <= last; panel += 2) QUANTIZED_TILE(2, 1);
    for (; panel < last; panel++) QUANTIZED_TILE(1, 1);
  }
}

#define QUANTIZED_FORMAT(BITS, SCALE_BYTES, MINIMUM, GROUPS)                                                       \
  if (format.bits == BITS && format.scale_bytes == SCALE_BYTES && format.has_minimum == MINIMUM &&                 \
      format.groups == GROUPS)                                                                                     \
  return gemm_quantized_of(BITS, SCALE_BYTES, MINIMUM, GROUPS, panels, first, last, rows, columns, x, tokens, bias, \
                           out_type, out, out_stride)

static void gemm_quantized(martlet_pack_format format, const void *panels, size_t first, size_t last, size_t rows,
                           size_t columns, const void *x, size_t tokens, const float *bias, int out_type, void *out,
                           size_t out_stride) {
  QUANTIZED_FORMAT(4, 2, false, 1);  // Q4_0
  QUANTIZED_FORMAT(4, 2, true, 1);   // Q4_1
  QUANTIZED_FORMAT(8, 2, false, 1);  // Q8_0, Q5_0
  QUANTIZED_FORMAT(8, 2, true, 1);   // Q5_1
  QUANTIZED_FORMAT(4, 4, true, 1);   // Q4_K
  QUANTIZED_FORMAT(8, 4, true, 1);   // Q5_K
  QUANTIZED_FORMAT(8, 4, false, 2);  // Q6_K
  __builtin_trap();
}
