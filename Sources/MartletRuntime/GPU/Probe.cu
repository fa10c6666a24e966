// How fast the units multiply at best: operands stay in registers, and nothing waits for memory. Spills: none.

typedef struct {
  float *out;
  int rounds;
} martlet_gpu_probe;

enum { PROBE_THREADS = 256, PROBE_CHAINS = 8 };

#if defined(MT_PLATFORM_NVIDIA)

/// 16 × 8 × 16 products a group of lanes, eight times a round.
KERNEL(PROBE_THREADS) probe_bf16(const martlet_gpu_probe a) {
  float sums[PROBE_CHAINS][4];
#pragma unroll
  for (int i = 0; i < 4 * PROBE_CHAINS; i++) ((float *)sums)[i] = 0;
  // Random bits of ordinary size: multiplying zeros takes less power than numbers do.
  const u32 x = 0x3f803e80u ^ (threadIdx.x * 2654435761u & 0x007f007f);
  for (int round = 0; round < a.rounds; round++) {
#pragma unroll
    for (int i = 0; i < PROBE_CHAINS; i++)
      asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%5,%6}, {%0,%1,%2,%3};"
                   : "+f"(sums[i][0]), "+f"(sums[i][1]), "+f"(sums[i][2]), "+f"(sums[i][3])
                   : "r"(x), "r"(x + 1), "r"(x + 2), "r"(x + 3));
  }
  float total = 0;
#pragma unroll
  for (int i = 0; i < 4 * PROBE_CHAINS; i++) total += ((float *)sums)[i];
  a.out[(i64)blockIdx.x * PROBE_THREADS + threadIdx.x] = total;
}

/// 16 × 8 × 32 products a group of lanes, eight times a round.
KERNEL(PROBE_THREADS) probe_bytes(const martlet_gpu_probe a) {
  int sums[PROBE_CHAINS][4];
#pragma unroll
  for (int i = 0; i < 4 * PROBE_CHAINS; i++) ((int *)sums)[i] = 0;
  const u32 x = threadIdx.x * 2654435761u;
  for (int round = 0; round < a.rounds; round++) {
#pragma unroll
    for (int i = 0; i < PROBE_CHAINS; i++)
      asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%5,%6}, {%0,%1,%2,%3};"
                   : "+r"(sums[i][0]), "+r"(sums[i][1]), "+r"(sums[i][2]), "+r"(sums[i][3])
                   : "r"(x), "r"(x + 1), "r"(x + 2), "r"(x + 3));
  }
  int total = 0;
#pragma unroll
  for (int i = 0; i < 4 * PROBE_CHAINS; i++) total += ((int *)sums)[i];
  a.out[(i64)blockIdx.x * PROBE_THREADS + threadIdx.x] = (float)total;
}

#endif

/// One product a thread, eight times a round.
KERNEL(PROBE_THREADS) probe_f32(const martlet_gpu_probe a) {
  float sums[PROBE_CHAINS];
#pragma unroll
  for (int i = 0; i < PROBE_CHAINS; i++) sums[i] = (float)(threadIdx.x + i);
  const float factor = 0.999f, added = (float)threadIdx.x * 0.01f;
#pragma unroll 4
  for (int round = 0; round < a.rounds; round++) {
#pragma unroll
    for (int i = 0; i < PROBE_CHAINS; i++) sums[i] = fmaf(sums[i], factor, added);
  }
  float total = 0;
#pragma unroll
  for (int i = 0; i < PROBE_CHAINS; i++) total += sums[i];
  a.out[(i64)blockIdx.x * PROBE_THREADS + threadIdx.x] = total;
}

#if !defined(MT_PLATFORM_NVIDIA)

/// Four products of bytes a thread, eight times a round.
KERNEL(PROBE_THREADS) probe_bytes(const martlet_gpu_probe a) {
  int sums[PROBE_CHAINS];
#pragma unroll
  for (int i = 0; i < PROBE_CHAINS; i++) sums[i] = 0;
  const u32 x = threadIdx.x * 2654435761u;
  for (int round = 0; round < a.rounds; round++) {
#pragma unroll
    for (int i = 0; i < PROBE_CHAINS; i++) sums[i] = dot4(x, x + (u32)sums[i], sums[i]);
  }
  int total = 0;
#pragma unroll
  for (int i = 0; i < PROBE_CHAINS; i++) total += sums[i];
  a.out[(i64)blockIdx.x * PROBE_THREADS + threadIdx.x] = (float)total;
}

#endif
