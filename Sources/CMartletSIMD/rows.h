// Loops over rows of elements. Included once by each level file.

/// Does BODY for every `i` in steps of 16 with `n`, how many elements are there: 16, as a constant, but for the last ones.
#define FOR_ELEMENTS(COUNT, BODY)           \
  {                                         \
    size_t i = 0;                           \
    for (; i + LANES <= COUNT; i += LANES) { \
      const size_t n = LANES;               \
      BODY                                  \
    }                                       \
    if (i < COUNT) {                        \
      const size_t n = COUNT - i;           \
      BODY                                  \
    }                                       \
  }

INLINE void add_of(const int type, const void *a, const void *b, void *out, size_t count) {
  FOR_ELEMENTS(count, store_some(type, out, i, load_some(type, a, i, n) + load_some(type, b, i, n), n);)
}
static void add_rows(int type, const void *a, const void *b, void *out, size_t count) {
  FOR_TYPE(type, add_of(T, a, b, out, count));
}

// Subtracted from zero: of a change of sign the compiler makes a comparison and a choice to limit the exponent.
INLINE f32x16 silu(f32x16 g) { return g / (splat(1.0f) + exponential(splat(0.0f) - g)); }

INLINE void swiglu_of(const int type, const void *gate, const void *up, void *out, size_t count) {
  FOR_ELEMENTS(count, {
    f32x16 g = rounded(type, silu(load_some(type, gate, i, n)));
    store_some(type, out, i, g * load_some(type, up, i, n), n);
  })
}

/// Rounds to the upper halves of words, as `f32_to_bf16` does, where no NaN has bits in the lower half: none has that
/// arithmetic made of bf16 numbers.
INLINE u32x16 round_to_upper(f32x16 x) {
  u32x16 w = (u32x16)x;
  return (w + 0x7fff + ((w >> 16) & 1)) & 0xffff0000;
}
INLINE u32x16 swiglu_words(u32x16 gate, u32x16 up) {
  return round_to_upper((f32x16)round_to_upper(silu((f32x16)gate)) * (f32x16)up);
}
/// Two bf16 numbers of a word at a time, as they lie: spreading them over lanes and back takes as long as the arithmetic.
static void swiglu_bf16(const uint16_t *gate, const uint16_t *up, uint16_t *out, size_t count) {
  size_t i = 0;
  for (; i + 2 * LANES <= count; i += 2 * LANES) {
    u32x16 g, u;
    memcpy(&g, gate + i, sizeof g);
    memcpy(&u, up + i, sizeof u);
    u32x16 both = swiglu_words(g << 16, u << 16) >> 16 | swiglu_words(g & 0xffff0000, u & 0xffff0000);
    memcpy(out + i, &both, sizeof both);
  }
  swiglu_of(MARTLET_BF16, gate + i, up + i, out + i, count - i);
}
static void swiglu(int type, const void *gate, const void *up, void *out, size_t count) {
  if (type == MARTLET_BF16) return swiglu_bf16(gate, up, out, count);
  FOR_TYPE(type, swiglu_of(T, gate, up, out, count));
}

INLINE void convert_of(const int from, const void *source, const int to, void *out, size_t count) {
  FOR_ELEMENTS(count, store_some(to, out, i, load_some(from, source, i, n), n);)
}
INLINE void convert_from(const int from, const void *source, int to, void *out, size_t count) {
  FOR_TYPE(to, convert_of(from, source, T, out, count));
}
static void convert(int from, const void *source, int to, void *out, size_t count) {
  if (from == to) {
    memcpy(out, source, count * type_size(from));
    return;
  }
  FOR_TYPE(from, convert_from(T, source, to, out, count));
}

INLINE void rms_norm_of(const int type, const void *x, const int weight_type, const void *weight, float epsilon,
                        void *out, size_t count) {
  // Four sums side by side: one would wait for the addition before.
  f32x16 squares[4] = {splat(0.0f), splat(0.0f), splat(0.0f), splat(0.0f)};
  size_t start = 0;
  for (; start + 4 * LANES <= count; start += 4 * LANES)
    for (int j = 0; j < 4; j++) {
      f32x16 v = load(type, x, start + j * LANES);
      squares[j] = multiply_add(v, v, squares[j]);
    }
  for (; start < count; start += LANES) {
    f32x16 v = load_some(type, x, start, count - start);
    squares[0] = multiply_add(v, v, squares[0]);
  }
  const float sum = sum_lanes((squares[0] + squares[1]) + (squares[2] + squares[3]));
  f32x16 scale = splat(1.0f / sqrtf(sum / (float)count + epsilon));
  FOR_ELEMENTS(count, {
    f32x16 normal = rounded(type, load_some(type, x, i, n) * scale);
    store_some(type, out, i, normal * load_some(weight_type, weight, i, n), n);
  })
}
INLINE void rms_norm_weighted(const int type, const void *x, int weight_type, const void *weight, float epsilon,
                              void *out, size_t count) {
  FOR_TYPE(weight_type, rms_norm_of(type, x, T, weight, epsilon, out, count));
}
static void rms_norm(int type, const void *x, int weight_type, const void *weight, float epsilon, void *out,
                     size_t count) {
  FOR_TYPE(type, rms_norm_weighted(T, x, weight_type, weight, epsilon, out, count));
}

INLINE void rope_of(const int type, const void *x, const float *cosines, const float *sines, void *out, size_t half) {
  for (size_t i = 0; i < half; i += LANES) {
    size_t n = half - i;
    f32x16 a = load_some(type, x, i, n), b = load_some(type, x, i + half, n);
    f32x16 c = load_some(MARTLET_F32, cosines, i, n), s = load_some(MARTLET_F32, sines, i, n);
    store_some(type, out, i, a * c - b * s, n);
    store_some(type, out, i + half, b * c + a * s, n);
  }
}
static void rope(int type, const void *x, const float *cosines, const float *sines, void *out, size_t half) {
  FOR_TYPE(type, rope_of(T, x, cosines, sines, out, half));
}

/// Integers in the order of the numbers, above the least integer: both zeros alike, every NaN above infinity.
INLINE i32x16 order_of(f32x16 v) {
  i32x16 bits = (i32x16)(v + splat(0.0f));  // -0 + 0 is +0
  i32x16 nan = v != v;
  return ((bits ^ ((bits >> 31) & 0x7fffffff)) & ~nan) | (isplat(INT32_MAX) & nan);
}

INLINE size_t argmax_of(const int type, const void *x, size_t count) {
  // A lane keeps its own best; equal values keep the earlier one.
  const i32x16 lane = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  i32x16 best = isplat(INT32_MIN), best_index = isplat(0);
  for (size_t i = 0; i < count; i += LANES) {
    size_t n = count - i < LANES ? count - i : LANES;
    i32x16 missing = lane >= (int32_t)n;
    i32x16 v = (order_of(load_some(type, x, i, n)) & ~missing) | (isplat(INT32_MIN) & missing);
    i32x16 better = v > best;
    best = (v & better) | (best & ~better);
    best_index = ((lane + (int32_t)i) & better) | (best_index & ~better);
  }
  int first = 0;
  for (int i = 1; i < LANES; i++)
    if (best[i] > best[first] || (best[i] == best[first] && best_index[i] < best_index[first])) first = i;
  return (size_t)best_index[first];
}
static size_t argmax(int type, const void *x, size_t count) {
  size_t result = 0;
  FOR_TYPE(type, result = argmax_of(T, x, count));
  return result;
}

INLINE float dot_of(const int x_type, const void *x, const int y_type, const void *y, size_t count) {
  f32x16 a = splat(0.0f), b = splat(0.0f);
  size_t i = 0;
  for (; i + 2 * LANES <= count; i += 2 * LANES) {
    a = multiply_add(load(x_type, x, i), load(y_type, y, i), a);
    b = multiply_add(load(x_type, x, i + LANES), load(y_type, y, i + LANES), b);
  }
  for (; i < count; i += LANES) {
    size_t n = count - i;
    a = multiply_add(load_some(x_type, x, i, n), load_some(y_type, y, i, n), a);
  }
  return sum_lanes(a + b);
}
INLINE float dot_with(const int x_type, const void *x, int y_type, const void *y, size_t count) {
  float result = 0;
  FOR_TYPE(y_type, result = dot_of(x_type, x, T, y, count));
  return result;
}
static float dot(int x_type, const void *x, int y_type, const void *y, size_t count) {
  float result = 0;
  FOR_TYPE(x_type, result = dot_with(T, x, y_type, y, count));
  return result;
}

/// The dot products of a row with several, as `dot` has them.
INLINE void dots_of(const int type, const void *x, const void *rows, size_t stride, size_t count, size_t width, float *out) {
  for (size_t r = 0; r < count; r++)
    out[r] = dot_of(type, x, type, (const char *)rows + r * stride * type_size(type), width);
}
static void dots(int type, const void *x, const void *rows, size_t stride, size_t count, size_t width, float *out) {
  FOR_TYPE(type, dots_of(T, x, rows, stride, count, width, out));
}

/// `parts` times 16 elements of the weighted sum of rows.
INLINE void weighted_part(const int type, const void *rows, size_t stride, size_t count, const float *weights, size_t at,
                          const int parts, size_t valid, float *out) {
  f32x16 sums[8];
  for (int p = 0; p < parts; p++) sums[p] = splat(0.0f);
  for (size_t r = 0; r < count; r++)
    for (int p = 0; p < parts; p++) {
      const f32x16 v = load_some(type, rows, r * stride + at + p * LANES, parts > 1 ? LANES : valid);
      sums[p] = multiply_add(v, splat(weights[r]), sums[p]);
    }
  for (int p = 0; p < parts; p++) store_some(MARTLET_F32, out, at + p * LANES, sums[p], parts > 1 ? LANES : valid);
}
INLINE void weighted_sum_of(const int type, const void *rows, size_t stride, size_t count, const float *weights,
                            size_t width, float *out) {
  size_t at = 0;
  for (; at + 8 * LANES <= width; at += 8 * LANES) weighted_part(type, rows, stride, count, weights, at, 8, LANES, out);
  for (; at + 4 * LANES <= width; at += 4 * LANES) weighted_part(type, rows, stride, count, weights, at, 4, LANES, out);
  for (; at < width; at += LANES) weighted_part(type, rows, stride, count, weights, at, 1, width - at, out);
}
static void weighted_sum(int type, const void *rows, size_t stride, size_t count, const float *weights, size_t width,
                         float *out) {
  FOR_TYPE(type, weighted_sum_of(T, rows, stride, count, weights, width, out));
}

/// Rows up to so many bytes are copied here, a cache line after the other. The C library's function, the best for longer ones,
/// reads a short row whole before it writes, and two threads are a tenth slower for it.
enum { SHORT_ROW = 512 };

static void copy_rows(size_t rows, size_t bytes, const void *x, ptrdiff_t x_stride, void *out, ptrdiff_t out_stride) {
  for (size_t r = 0; r < rows; r++) {
    const char *from = (const char *)x + (ptrdiff_t)r * x_stride;
    char *to = (char *)out + (ptrdiff_t)r * out_stride;
    size_t at = 0;
    if (bytes <= SHORT_ROW)
      for (; at + 64 <= bytes; at += 64) {
        i32x8 halves[2];
        memcpy(halves, from + at, sizeof halves);
        memcpy(to + at, halves, sizeof halves);
      }
    if (at < bytes) memcpy(to + at, from + at, bytes - at);
  }
}

static void scale_out(const float *x, float scale, int out_type, void *out, size_t count) {
  for (size_t i = 0; i < count; i += LANES) {
    f32x16 v = load_some(MARTLET_F32, x, i, count - i) * splat(scale);
    FOR_TYPE(out_type, store_some(T, out, i, v, count - i));
  }
}

static float exponentials(float *x, float shift, size_t count) {
  f32x16 total = splat(0.0f);
  for (size_t i = 0; i < count; i += LANES) {
    size_t n = count - i;
    f32x16 v = exponential(load_some(MARTLET_F32, x, i, n) - splat(shift));
    store_some(MARTLET_F32, x, i, v, n);
    total += n >= LANES ? v : load_tail(MARTLET_F32, x, i, n);
  }
  return sum_lanes(total);
}
