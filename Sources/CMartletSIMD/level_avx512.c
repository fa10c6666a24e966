#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c,bmi,bmi2"))), apply_to = function)
#define MARTLET_HAS_VNNI 0
#include "avx512.h"

#include "level.h"

MARTLET_TABLE("avx512", martlet_kernels_avx512);
#pragma clang attribute pop
#endif
