// Matrix products with packed quantised weights and activations quantised to 8 bits. Included once by each level file.
//
// Within a group of columns that share a scale the products are summed exactly in integers; groups are then scaled and
// added in f32 in their order. So the bits of a row depend neither on the number of tokens nor on the integer instructions
// used.

INLINE void quantize_row_of(const int type, const void *x, martlet_quantized_group *out, size_t columns) {
  for (size_t group = 0; group < columns / 32; group++) {
    f32x16 low = load(type, x, group * 32), high = load(type, x, group * 32 + 16);
    const float largest = largest_magnitude(low, high);
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
    const i8x16 lows = __builtin_convertvector(p, i8x16), highs = __builtin_convertvector(q, i8x16);
    memcpy(out[group].quants, &lows, sizeof lows);
    memcpy(out[group].quants + LANES, &highs, sizeof highs);
    // Sums of small integers are exact in floats.
    const int32_t sum_low = (int32_t)sum_lanes(p), sum_high = (int32_t)sum_lanes(q);
    out[group].scale = scale;
    out[group].scaled_sum = scale * (float)(sum_low + sum_high);
    out[group].sums[0] = sum_low;
    out[group].sums[1] = sum_high;
  }
}
static void quantize_row(int type, const void *x, martlet_quantized_group *out, size_t columns) {
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

/// Columns `4 * index ..< 4 * index + 4` of a group of 16 rows, as unsigned bytes.
INLINE i32x16 unpack(const int bits, const char *group, const int index) {
  if (bits == 8) return load_bytes(group + index * 64);
  const i32x16 both = load_bytes(group + index / 2 * 64);
  i32x16 value = (index % 2 ? both >> 4 : both) & 0x0f0f0f0f;
  if (bits == 5) {
    const i32x16 fifth = load_bytes(group + 256);
    value |= (index <= 4 ? fifth << (4 - index) : fifth >> (index - 4)) & 0x10101010;
  }
  if (bits == 6) {
    const i32x16 upper = load_bytes(group + 256 + index / 4 * 64);
    const int shift = 2 * (index % 4);
    value |= (shift <= 4 ? upper << (4 - shift) : upper >> (shift - 4)) & 0x30303030;
  }
  return value;
}

/// 16 small integers of one byte each.
INLINE f32x16 load_small(const bool is_signed, const char *p) {
  typedef uint8_t u8x16 __attribute__((vector_size(16)));
  if (is_signed) {
    i8x16 v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(__builtin_convertvector(v, i32x16), f32x16);
  }
  u8x16 v;
  memcpy(&v, p, sizeof v);
  return __builtin_convertvector(__builtin_convertvector(v, i32x16), f32x16);
}

/// The scale of 16 columns (half 0 or 1 of a group) or of the whole group, of a record's groups.
INLINE f32x16 scale_of(const int scales, const char *record, martlet_record_layout layout, size_t group, int half) {
  const char *factors = record + group / 8 * layout.factor_bytes, *p = record + layout.scales + group * layout.scale_bytes;
  switch (scales) {
    case MARTLET_SCALES_K: return load(MARTLET_F16, factors, 0) * load_small(false, p);
    case MARTLET_SCALES_K_16: return load(MARTLET_F16, factors, 0) * load_small(true, p + half * 16);
    default: return load(MARTLET_F16, p, 0);
  }
}

INLINE f32x16 minimum_of(const int scales, const char *record, martlet_record_layout layout, size_t group) {
  const char *factors = record + group / 8 * layout.factor_bytes, *p = record + layout.scales + group * layout.scale_bytes;
  if (scales == MARTLET_SCALES_F16_MINIMUM) return load(MARTLET_F16, p + 32, 0);
  return load(MARTLET_F16, factors + 32, 0) * load_small(false, p + 16);
}

INLINE int32_t four(const int8_t *p) {
  int32_t x;
  memcpy(&x, p, 4);
  return x;
}

enum {
  /// Bytes ahead that a panel is asked for when each weight is used once. The loop does so much with a byte that the
  /// processor's own look into the future ends too early.
  QUANTIZED_PREFETCH = 8192,
};

/// Adds a record's share to `tokens` outputs of `panels` neighbouring panels, with the format's fields as constants. What
/// lies `ahead` bytes behind is asked for early; nothing if that is 0. `x` is the first token's group of the record.
INLINE void add_record(const int bits, const int scales, const char *const *records, const int panels, size_t groups,
                       size_t ahead, const martlet_quantized_group *x, size_t x_stride, const int tokens, f32x16 *acc) {
  const bool has_minimum = scales == MARTLET_SCALES_F16_MINIMUM || scales == MARTLET_SCALES_K;
  const int halves = scales == MARTLET_SCALES_K_16 ? 2 : 1;
  const martlet_record_layout layout = martlet_record_of((martlet_pack_format){bits, scales}, groups);
  const size_t share = layout.quant_bytes + layout.scale_bytes + layout.factor_bytes / 8;
  for (size_t group = 0; group < groups; group++) {
    if (ahead)
      for (int p = 0; p < panels; p++)
        for (size_t at = 0; at < share; at += 64) __builtin_prefetch(records[p] + group * share + ahead + at);
#pragma clang loop unroll(full)
    for (int half = 0; half < halves; half++) {
      i32x16 dots[QUANTIZED_PANELS * QUANTIZED_TOKENS];
      for (int t = 0; t < tokens; t++) {
        // Quants are stored as unsigned numbers, 2^(bits - 1) too high where there is no minimum.
        const int32_t *sums = x[t * x_stride + group].sums;
        const i32x16 sum = isplat(halves == 2 ? sums[half] : sums[0] + sums[1]);
        for (int p = 0; p < panels; p++) dots[p * tokens + t] = has_minimum ? isplat(0) : -(sum << (bits - 1));
      }
#pragma clang loop unroll(full)
      for (int i = half * 4; i < (halves == 2 ? half * 4 + 4 : 8); i++) {
        i32x16 quants[QUANTIZED_PANELS];
        for (int p = 0; p < panels; p++)
          quants[p] = unpack(bits, records[p] + layout.quants + group * layout.quant_bytes, i);
        for (int t = 0; t < tokens; t++) {
          const int32_t four_columns = four(x[t * x_stride + group].quants + i * 4);
          for (int p = 0; p < panels; p++) dots[p * tokens + t] = dot4(dots[p * tokens + t], quants[p], four_columns);
        }
      }
      for (int p = 0; p < panels; p++) {
        const f32x16 scale = scale_of(scales, records[p], layout, group, half);
        for (int t = 0; t < tokens; t++) {
          const f32x16 value = __builtin_convertvector(dots[p * tokens + t], f32x16) * scale;
          acc[p * tokens + t] = multiply_add(value, splat(x[t * x_stride + group].scale), acc[p * tokens + t]);
        }
      }
    }
    for (int p = 0; has_minimum && p < panels; p++) {
      const f32x16 minimum = minimum_of(scales, records[p], layout, group);
      for (int t = 0; t < tokens; t++)
        acc[p * tokens + t] =
            multiply_add(minimum, splat(x[t * x_stride + group].scaled_sum), acc[p * tokens + t]);
    }
  }
}

/// `tokens` outputs of `panels` neighbouring panels.
INLINE void quantized_outputs(const int bits, const int scales, const char *weights, size_t panel_bytes, size_t panel,
                              const int panels, size_t rows, size_t columns, const martlet_quantized_group *x,
                              size_t token, const int tokens, size_t ahead, const float *bias, int out_type, void *out,
                              size_t out_stride) {
  const size_t groups = columns / MARTLET_GROUP, most = MARTLET_RECORD / MARTLET_GROUP;
  const martlet_pack_format format = {bits, scales};
  const char *records[QUANTIZED_PANELS];
  f32x16 sums[QUANTIZED_PANELS * QUANTIZED_TOKENS];
  for (int p = 0; p < panels; p++) records[p] = weights + (panel + p) * panel_bytes;
  for (int i = 0; i < panels * tokens; i++) sums[i] = splat(0.0f);
  const martlet_quantized_group *at = x + token * groups;
  size_t group = 0;
  for (; group + most <= groups; group += most) {
    add_record(bits, scales, records, panels, most, ahead, at + group, groups, tokens, sums);
    for (int p = 0; p < panels; p++) records[p] += martlet_record_of(format, most).end;
  }
  if (group < groups)
    add_record(bits, scales, records, panels, groups - group, ahead, at + group, groups, tokens, sums);
  for (int p = 0; p < panels; p++)
    for (int t = 0; t < tokens; t++)
      write_panel(sums[p * tokens + t], panel + p, rows, bias, out_type, out, (token + t) * out_stride);
}

INLINE void gemm_quantized_of(const int bits, const int scales, const char *weights, size_t first, size_t last,
                              size_t rows, size_t columns, const martlet_quantized_group *x, size_t tokens,
                              const float *bias, int out_type, void *out, size_t out_stride) {
  const size_t panel_bytes = martlet_panel_bytes((martlet_pack_format){bits, scales}, columns);
#define OUTPUTS(PANELS, TOKENS, AHEAD)                                                                                 \
  quantized_outputs(bits, scales, weights, panel_bytes, panel, PANELS, rows, columns, x, token, TOKENS, AHEAD, bias,    \
                    out_type, out, out_stride)
// The first tokens bring a block of panels into the cache, where the others find it.
#define BLOCK_OUTPUTS(TOKENS)                                                                                          \
  {                                                                                                                    \
    size_t panel = start;                                                                                              \
    for (; panel + QUANTIZED_PANELS <= end; panel += QUANTIZED_PANELS)                                                 \
      OUTPUTS(QUANTIZED_PANELS, TOKENS, token == 0 ? QUANTIZED_PANELS * panel_bytes : 0);                              \
    for (; panel < end; panel++) OUTPUTS(1, TOKENS, 0);                                                                \
    token += TOKENS;                                                                                                   \
  }
  if (tokens == 1) {
    // One panel after the other: a single run of memory.
    const size_t token = 0;
    for (size_t at = 0; at < QUANTIZED_PREFETCH && at < (last - first) * panel_bytes; at += 64)
      __builtin_prefetch(weights + first * panel_bytes + at);
    for (size_t panel = first; panel < last; panel++) OUTPUTS(1, 1, QUANTIZED_PREFETCH);
    return;
  }
  const size_t block = panel_block(panel_bytes, first, last);
  for (size_t start = first; start < last; start += block) {
    const size_t end = start + block < last ? start + block : last;
    size_t token = 0;
    // Eight are better four and four than six and two.
    while (token + QUANTIZED_TOKENS <= tokens && (QUANTIZED_TOKENS < 6 || tokens - token != 8))
      BLOCK_OUTPUTS(QUANTIZED_TOKENS)
    while (QUANTIZED_TOKENS > 4 && token + 4 <= tokens) BLOCK_OUTPUTS(4)
    while (token + 2 <= tokens) BLOCK_OUTPUTS(2)
    while (token < tokens) BLOCK_OUTPUTS(1)
  }
#undef BLOCK_OUTPUTS
#undef OUTPUTS
}

#define QUANTIZED_FORMAT(BITS, SCALES)                                                                              \
  if (format.bits == BITS && format.scales == SCALES)                                                               \
  return gemm_quantized_of(BITS, SCALES, panels, first, last, rows, columns, x, tokens, bias, out_type, out, out_stride)

static void gemm_quantized(martlet_pack_format format, const void *panels, size_t first, size_t last, size_t rows,
                           size_t columns, const martlet_quantized_group *x, size_t tokens, const float *bias, int out_type,
                           void *out, size_t out_stride) {
  QUANTIZED_FORMAT(4, MARTLET_SCALES_F16);          // Q4_0
  QUANTIZED_FORMAT(4, MARTLET_SCALES_F16_MINIMUM);  // Q4_1
  QUANTIZED_FORMAT(5, MARTLET_SCALES_F16);          // Q5_0
  QUANTIZED_FORMAT(5, MARTLET_SCALES_F16_MINIMUM);  // Q5_1
  QUANTIZED_FORMAT(8, MARTLET_SCALES_F16);          // Q8_0
  QUANTIZED_FORMAT(4, MARTLET_SCALES_K);            // Q4_K
  QUANTIZED_FORMAT(5, MARTLET_SCALES_K);            // Q5_K
  QUANTIZED_FORMAT(6, MARTLET_SCALES_K_16);         // Q6_K
  __builtin_trap();
}
