#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,bmi,bmi2"))), apply_to = function)
#define MARTLET_HAS_FMA 1
#define MARTLET_HAS_F16C 1
#define MARTLET_HAS_OWN_DOT4 1
#define TILE_PANELS 1
#define TILE_TOKENS 4
#define QUANTIZED_PANELS 1
#define QUANTIZED_TOKENS 3
#define CACHE_BLOCK_BYTES 131072
#define LIMIT_CHAINS 4
#include "vector.h"

// Bytes are widened to 16 bits, two of four columns at a time, since the instruction for bytes saturates.
INLINE i32x16 dot4(i32x16 acc, i32x16 u, int32_t x) {
  typedef int32_t i32x8 __attribute__((vector_size(32)));
  const __m256i even = _mm256_set1_epi32((int)(((uint32_t)(uint16_t)(int16_t)(int8_t)x) |
                                               ((uint32_t)(uint16_t)(int16_t)(int8_t)(x >> 16) << 16)));
  const __m256i odd = _mm256_set1_epi32((int)(((uint32_t)(uint16_t)(int16_t)(int8_t)(x >> 8)) |
                                              ((uint32_t)(uint16_t)(int16_t)(int8_t)(x >> 24) << 16)));
  const __m256i bytes = _mm256_set1_epi32(0x00ff00ff);
  i32x8 halves[2], sums[2];
  memcpy(halves, &u, sizeof u);
  memcpy(sums, &acc, sizeof acc);
  for (int i = 0; i < 2; i++) {
    __m256i h = (__m256i)halves[i];
    sums[i] += (i32x8)_mm256_madd_epi16(_mm256_and_si256(h, bytes), even);
    sums[i] += (i32x8)_mm256_madd_epi16(_mm256_and_si256(_mm256_srli_epi16(h, 8), bytes), odd);
  }
  memcpy(&acc, sums, sizeof acc);
  return acc;
}

#include "level.h"

MARTLET_TABLE("avx2", martlet_kernels_avx2);
#pragma clang attribute pop
#endif
