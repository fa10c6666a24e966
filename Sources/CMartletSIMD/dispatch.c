#include <string.h>

#include "martlet_simd.h"

extern const martlet_kernels martlet_kernels_scalar;
#if defined(__x86_64__)
extern const martlet_kernels martlet_kernels_avx2;
extern const martlet_kernels martlet_kernels_avx512;
extern const martlet_kernels martlet_kernels_avx512vnni;
extern const martlet_kernels martlet_kernels_avx512bf16;
#endif

enum { LEVELS = 5 };

/// The tables that this processor can run, from plain to best.
static size_t available(const martlet_kernels *tables[LEVELS]) {
  size_t count = 0;
  tables[count++] = &martlet_kernels_scalar;
#if defined(__x86_64__)
  __builtin_cpu_init();
  bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c") &&
              __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
  if (avx2) tables[count++] = &martlet_kernels_avx2;
  bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx512) tables[count++] = &martlet_kernels_avx512;
  bool vnni = avx512 && __builtin_cpu_supports("avx512vnni");
  if (vnni) tables[count++] = &martlet_kernels_avx512vnni;
  if (vnni && __builtin_cpu_supports("avx512bf16")) tables[count++] = &martlet_kernels_avx512bf16;
#endif
  return count;
}

size_t martlet_kernels_available(const char **names, size_t capacity) {
  const martlet_kernels *tables[LEVELS];
  size_t count = available(tables);
  if (count > capacity) count = capacity;
  for (size_t i = 0; i < count; i++) names[i] = tables[i]->name;
  return count;
}

const martlet_kernels *martlet_kernels_named(const char *name) {
  const martlet_kernels *tables[LEVELS];
  size_t count = available(tables);
  for (size_t i = 0; i < count; i++)
    if (strcmp(tables[i]->name, name) == 0) return tables[i];
  return NULL;
}

const martlet_kernels *martlet_kernels_best(void) {
  const martlet_kernels *tables[LEVELS];
  return tables[available(tables) - 1];
}
