#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512bf16,avx2,fma,f16c,bmi,bmi2"))), \
    apply_to = function)
#define MARTLET_HAS_VNNI 1
#define MARTLET_HAS_BF16 1
#include "avx512.h"

/// Adds, lane by lane, two products of bf16.
INLINE f32x16 dot2(f32x16 acc, i32x16 w, i32x16 x) {
  return (f32x16)_mm512_dpbf16_ps((__m512)acc, (__m512bh)w, (__m512bh)x);
}

#include "level.h"

MARTLET_TABLE("avx512bf16", martlet_kernels_avx512bf16);
#pragma clang attribute pop
#endif
