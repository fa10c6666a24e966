// Loops over rows of elements. Included once by each level file.

INLINE void add_of(const int type, const void *a, const void *b, void *out, size_t count) {
  for (size_t i = 0; i < count; i += LANES) {
    size_t n = count - i;
    store_some(type, out, i, load_some(type, a, i, n) + load_some(type, b, i, n), n);
  }
}
static void add_rows(int type, const void *a, const void *b, void *out, size_t count) {
  FOR_TYPE(type, add_of(T, a, b, out, count));
}

INLINE void swiglu_of(const int type, const void *gate, const void *up, void *out, size_t count) {
  for (size_t i = 0; i < count; i += LANES) {
    size_t n = count - i;
    f32x16 g = load_some(type, gate, i, n);
    f32x16 silu = rounded(type, g / (splat(1.0f) + exponential(-g)));
    store_some(type, out, i, silu * load_some(type, up, i, n), n);
  }
}
static void swiglu(int type, const void *gate, const void *up, void *out, size_t count) {
  FOR_TYPE(type, swiglu_of(T, gate, up, out, count));
}

INLINE void convert_of(const int from, const void *source, const int to, void *out, size_t count) {
  for (size_t i = 0; i < count; i += LANES) {
    store_some(to, out, i, load_some(from, source, i, count - i), count - i);
  }
}
INLINE void convert_from(const int from, const void *source, int to, void *out, size_t count) {
  FOR_TYPE(to, convert_of(from, source, T, out, count));
}
static void convert(int from, const void *source, int to, void *out, size_t count) {
  FOR_TYPE(from, convert_from(T, source, to, out, count));
}

INLINE void rms_norm_of(const int type, const void *x, const int weight_type, const void *weight, float epsilon,
                        void *out, size_t count) {
  f32x16 squares = splat(0.0f);
  for (size_t i = 0; i < count; i += LANES) {
    f32x16 v = load_some(type, x, i, count - i);
    squares = multiply_add(v, v, squares);
  }
  f32x16 scale = splat(1.0f / sqrtf(sum_lanes(squares) / (float)count + epsilon));
  for (size_t i = 0; i < count; i += LANES) {
    size_t n = count - i;
    f32x16 normal = rounded(type, load_some(type, x, i, n) * scale);
    store_some(type, out, i, normal * load_some(weight_type, weight, i, n), n);
  }
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
