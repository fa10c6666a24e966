// What the levels with AVX-512 have in common: tiles for its 32 registers, and products of bytes. Included once by each of
// them, after the target and what it has beyond.
#pragma once

#define MARTLET_HAS_FMA 1
#define MARTLET_HAS_F16C 1
#define MARTLET_HAS_WIDE_REGISTERS 1
#define MARTLET_HAS_OWN_DOT4 1
#define TILE_PANELS 2
#define TILE_TOKENS 8
#define QUANTIZED_PANELS 2
#define QUANTIZED_TOKENS 6
#define CACHE_BLOCK_BYTES 393216
// Without VNNI a product of bytes needs registers of its own.
#define LIMIT_CHAINS (MARTLET_HAS_VNNI ? 12 : 8)
#include "vector.h"

INLINE i32x16 dot4(i32x16 acc, i32x16 u, int32_t x) {
#if MARTLET_HAS_VNNI
  return (i32x16)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)u, _mm512_set1_epi32(x));
#else
  const __m512i even = _mm512_set1_epi32((int)(((uint32_t)(uint16_t)(int16_t)(int8_t)x) |
                                               ((uint32_t)(uint16_t)(int16_t)(int8_t)(x >> 16) << 16)));
  const __m512i odd = _mm512_set1_epi32((int)(((uint32_t)(uint16_t)(int16_t)(int8_t)(x >> 8)) |
                                              ((uint32_t)(uint16_t)(int16_t)(int8_t)(x >> 24) << 16)));
  const __m512i bytes = _mm512_set1_epi32(0x00ff00ff);
  acc += (i32x16)_mm512_madd_epi16(_mm512_and_si512((__m512i)u, bytes), even);
  return acc + (i32x16)_mm512_madd_epi16(_mm512_and_si512(_mm512_srli_epi16((__m512i)u, 8), bytes), odd);
#endif
}
