#if defined(__x86_64__)
#include <immintrin.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c,bmi,bmi2"))), \
    apply_to = function)
#define MARTLET_HAS_VNNI 1
#include "avx512.h"

#include "level.h"

MARTLET_TABLE("avx512vnni", martlet_kernels_avx512vnni);
#pragma clang attribute pop
#endif
