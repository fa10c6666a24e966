#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c,bmi,bmi2"))), \
    apply_to = function)
#define MARTLET_HAS_FMA 1
#define MARTLET_HAS_F16C 1
#define MARTLET_HAS_WIDE_REGISTERS 1
#define MARTLET_HAS_OWN_DOT4 1
#define TILE_PANELS 2
#define TILE_TOKENS 8
#define QUANTIZED_PANELS 2
#define QUANTIZED_TOKENS 6
#define CACHE_BLOCK_BYTES 393216
#define LIMIT_CHAINS 12
#include "vector.h"

INLINE i32x16 dot4(i32x16 acc, i32x16 u, int32_t x) {
  return (i32x16)_mm512_dpbusd_epi32((__m512i)acc, (__m512i)u, _mm512_set1_epi32(x));
}

#include "level.h"

MARTLET_TABLE("avx512vnni", martlet_kernels_avx512vnni);
#pragma clang attribute pop
#endif
