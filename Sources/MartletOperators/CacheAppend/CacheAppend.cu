// Norms of heads, rotation and writing to the cache: 32 lanes a head. Spills: none.

/// In place: normalises a head and rounds as RMSNorm does.
template <class T>
INLINE void normalize_head(T *x, int dimension, const void *gain, int gain_type, float epsilon) {
  float squares = 0;
  for (int i = lane_index(); i < dimension; i += GROUP) squares = fmaf(widen(x[i]), widen(x[i]), squares);
  const float scale = 1.0f / sqrtf(sum_lanes(squares) / (float)dimension + epsilon);
  for (int i = lane_index(); i < dimension; i += GROUP)
    x[i] = narrow<T>(rounded<T>(widen(x[i]) * scale) * load_one(gain_type, gain, i));
  sync_lanes();
}

template <class T>
INLINE void rotate_head(T *x, int half, const float *cosines) {
  for (int i = lane_index(); i < half; i += GROUP) {
    float first = widen(x[i]), second = widen(x[i + half]);
    turn(first, second, cosines[i], cosines[half + i]);
    x[i] = narrow<T>(first);
    x[i + half] = narrow<T>(second);
  }
  sync_lanes();
}

/// A token's head to its place in a block; the padding becomes zero.
template <class T>
INLINE void write_head(const martlet_gpu_cache &cache, const T *x, u8 *head, int slot) {
  for (int start = 0; start < cache.padded; start += CACHE_GROUP) {
    const int i = start + lane_index();
    const float v = i < cache.dimension ? widen(x[i]) : 0.0f;
    if (cache.type != Q8_0) {
      if (i < cache.padded) store_one(cache.type, head, (i64)slot * cache.padded + i, v);
      continue;
    }
    // Beyond the range of f16 the scale is infinity or NaN and the numbers are zeros: their product shows it. The
    // largest of magnitudes by their bits, so that a NaN counts as the largest.
    int largest = __float_as_int(fabsf(v));
#pragma unroll
    for (int mask = GROUP / 2; mask > 0; mask /= 2) largest = max(largest, from_lane_xor(largest, mask));
    const f16 scale = narrow<f16>(__int_as_float(largest) / 127.0f);
    const float divisor = widen(scale);
    const bool usable = divisor > 0 && divisor < __int_as_float(0x7f800000);
    const float quant = usable ? fminf(fmaxf(rintf(v / divisor), -127.0f), 127.0f) : 0.0f;
    if (i < cache.padded) head[(i64)slot * cache.padded + i] = (u8)(signed char)quant;
    if (lane_index() == 0) cache_scales(cache, head)[slot * cache_groups(cache) + start / CACHE_GROUP] = scale;
  }
}

template <class T>
INLINE void cache_append(const martlet_gpu_append &a) {
  const int all = a.heads + 2 * a.cache.key_heads, dimension = a.cache.dimension;
  const i64 unit = (i64)blockIdx.x * (blockDim.x / GROUP) + group_index();
  const int head = (int)(unit % all);
  const i64 token = unit / all;
  if (token >= a.tokens) return;
  T *x = row_of<T>(a.qkv, token) + (i64)head * dimension;
  const bool is_query = head < a.heads, is_value = head >= a.heads + a.cache.key_heads;
  if (!is_value) {
    if (a.query_norm) {
      normalize_head(
          x, dimension, is_query ? a.query_norm : a.key_norm, is_query ? a.query_norm_type : a.key_norm_type, a.epsilon);
    }
    rotate_head(x, dimension / 2, a.rotations + token * dimension);
  }
  const int slot = a.slots[token];
  if (is_query || slot < 0) return;
  const int key_head = (head - a.heads) % a.cache.key_heads;
  u8 *place = cache_head(a.cache, is_value ? a.cache.values : a.cache.keys, slot / CACHE_BLOCK, key_head);
  write_head(a.cache, x, place, slot % CACHE_BLOCK);
}
FOR_FLOAT_TYPES(cache_append, 256, martlet_gpu_append)

// --- Many tokens: eight neighbouring pairs a thread ------------------------------------------------------------------

/// Where heads are aligned, and their pairs are 8 times a power of two.
template <class T>
INLINE void append_chunks(const martlet_gpu_append &a) {
  const int all = a.heads + 2 * a.cache.key_heads, dimension = a.cache.dimension, half = dimension / 2;
  const int lanes = half / CHUNK;
  const u32 unit = blockIdx.x * blockDim.x + threadIdx.x, last = (u32)a.tokens * all * lanes - 1;
  // Lanes beyond the last take part in sums.
  const u32 mine = min(unit, last), token = mine / (u32)(lanes * all);
  const int i = (int)(mine % (u32)lanes) * CHUNK, head = (int)(mine / (u32)lanes % (u32)all);
  T *x = row_of<T>(a.qkv, token) + (i64)head * dimension + i;
  const bool is_query = head < a.heads, is_value = head >= a.heads + a.cache.key_heads;
  float first[CHUNK], second[CHUNK];
  load((const T *)x, CHUNK, true, first);
  load((const T *)x + half, CHUNK, true, second);
  if (a.query_norm) {
    float squares = 0;
#pragma unroll
    for (int k = 0; k < CHUNK; k++) squares = fmaf(second[k], second[k], fmaf(first[k], first[k], squares));
    for (int mask = lanes / 2; mask > 0; mask /= 2) squares += from_lane_xor(squares, mask);
    if (!is_value) {
      const float scale = 1.0f / sqrtf(squares / (float)dimension + a.epsilon);
      const void *gain = is_query ? a.query_norm : a.key_norm;
      const int type = is_query ? a.query_norm_type : a.key_norm_type;
#pragma unroll
      for (int k = 0; k < CHUNK; k++) {
        first[k] = rounded<T>(rounded<T>(first[k] * scale) * load_one(type, gain, i + k));
        second[k] = rounded<T>(rounded<T>(second[k] * scale) * load_one(type, gain, half + i + k));
      }
    }
  }
  if (unit > last) return;
  if (!is_value) {
    float cosine[CHUNK], sine[CHUNK];
    const float *rotation = a.rotations + (i64)token * dimension + i;
    load(rotation, CHUNK, true, cosine);
    load(rotation + half, CHUNK, true, sine);
#pragma unroll
    for (int k = 0; k < CHUNK; k++) {
      const float left = first[k], right = second[k];
      first[k] = left * cosine[k] - right * sine[k];
      second[k] = right * cosine[k] + left * sine[k];
    }
    store(x, CHUNK, true, first);
    store(x + half, CHUNK, true, second);
  }
  const int slot = a.slots[token];
  if (is_query || slot < 0) return;
  // The cache may have another type than what was rounded.
#pragma unroll
  for (int k = 0; k < CHUNK; k++) first[k] = rounded<T>(first[k]), second[k] = rounded<T>(second[k]);
  u8 *place = cache_head(a.cache, is_value ? a.cache.values : a.cache.keys, slot / CACHE_BLOCK,
                         (head - a.heads) % a.cache.key_heads);
  const i64 index = (i64)(slot % CACHE_BLOCK) * a.cache.padded + i;
  store(a.cache.type, place, index, CHUNK, true, first);
  store(a.cache.type, place, index + half, CHUNK, true, second);
}
FOR_FLOAT_TYPES(append_chunks, 256, martlet_gpu_append)
