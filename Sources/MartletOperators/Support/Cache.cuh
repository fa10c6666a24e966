// The paged cache: see `martlet_gpu_cache`.

enum { CACHE_BLOCK = 16, CACHE_GROUP = 32 };

/// One head's keys or values in the block that holds a slot.
INLINE u8 *cache_head(const martlet_gpu_cache &cache, void *base, int block, int head) {
  return (u8 *)base + ((i64)block * cache.key_heads + head) * cache.head_bytes;
}

INLINE int cache_groups(const martlet_gpu_cache &cache) { return (cache.padded + CACHE_GROUP - 1) / CACHE_GROUP; }

/// Where the f16 scales of a Q8_0 head begin.
INLINE f16 *cache_scales(const martlet_gpu_cache &cache, u8 *head) { return (f16 *)(head + CACHE_BLOCK * cache.padded); }

/// Eight elements of a token's head in its block; `i` a multiple of 8.
INLINE void load_cached(const martlet_gpu_cache &cache, u8 *head, int slot, int i, float *v) {
  const i64 place = (i64)slot * cache.padded + i;
  if (cache.type == Q8_0) {
    const float scale = widen(cache_scales(cache, head)[slot * cache_groups(cache) + i / CACHE_GROUP]);
    const u32 *quants = (const u32 *)(head + place);
#pragma unroll
    for (int k = 0; k < CHUNK; k++) v[k] = (float)(signed char)(quants[k / 4] >> (8 * (k % 4))) * scale;
  } else {
    load(cache.type, head, place, CHUNK, true, v);
  }
}

/// Turns a pair of elements. The products are rounded in one way, whoever calls.
INLINE void turn(float &first, float &second, float cosine, float sine) {
  const float turned = fmaf(first, cosine, -__fmul_rn(second, sine));
  second = fmaf(second, cosine, __fmul_rn(first, sine));
  first = turned;
}
