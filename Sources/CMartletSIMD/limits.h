// What this processor can do at most with an instruction set: loops without a bottleneck but the one they measure, for
// `martlet bench` to compare a model's speed with. Included once by each level file.
//
// The arithmetic loops are shaped as the inner loops of matrix products are: a register of weights from the first cache
// is multiplied with several activations, which stay in registers. LIMIT_CHAINS sums grow side by side, enough to
// cover the instructions' latency and few enough to stay in registers.

enum {
  /// Registers of weights that the arithmetic loops go through.
  LIMIT_STEPS = MARTLET_LIMIT_WEIGHTS / 64,
};
_Static_assert(LIMIT_CHAINS <= MARTLET_LIMIT_ACTIVATIONS, "every sum has an activation of its own");

/// Reads `bytes` bytes, a multiple of 256, and adds them up in a way that costs less than the reading.
static int32_t read_memory(const void *memory, size_t bytes) {
  const char *p = memory;
  i32x16 sums[4] = {isplat(0), isplat(0), isplat(0), isplat(0)};
  for (size_t at = 0; at < bytes; at += sizeof sums)
    for (int i = 0; i < 4; i++) sums[i] ^= load_bytes(p + at + i * 64);
  int32_t lanes[LANES], result = 0;
  i32x16 sum = sums[0] ^ sums[1] ^ sums[2] ^ sums[3];
  memcpy(lanes, &sum, sizeof lanes);
  for (int i = 0; i < LANES; i++) result ^= lanes[i];
  return result;
}

/// The arithmetic loops: SUM is the type of the sums and FACTOR of activations, PRODUCT adds the product of a register `w`
/// of weights and an activation `x` to `sum`, COUNT products a lane.
#define LIMIT_LOOP(SUM, FACTOR, COUNT, PRODUCT)                                                                      \
  SUM sums[LIMIT_CHAINS];                                                                                            \
  FACTOR factors[LIMIT_CHAINS];                                                                                      \
  for (int c = 0; c < LIMIT_CHAINS; c++) {                                                                           \
    sums[c] = (SUM){0};                                                                                              \
    factors[c] = activations[c];                                                                                     \
  }                                                                                                                  \
  for (size_t round = 0; round < rounds; round++)                                                                    \
    for (int step = 0; step < LIMIT_STEPS; step++) {                                                                 \
      const i32x16 w = load_bytes((const char *)weights + step * 64);                                                \
      /* unrolled, or the sums would not be registers */                                                             \
      _Pragma("clang loop unroll(full)") for (int c = 0; c < LIMIT_CHAINS; c++) {                                    \
        const SUM sum = sums[c];                                                                                     \
        const FACTOR x = factors[c];                                                                                 \
        sums[c] = PRODUCT;                                                                                           \
      }                                                                                                              \
    }                                                                                                                \
  *operations = rounds * LIMIT_STEPS * LIMIT_CHAINS * LANES * COUNT * 2

/// Multiplies and adds bytes as products of quantised matrices do.
static int32_t integer_products(const void *weights, const int32_t *activations, size_t rounds, size_t *operations) {
  LIMIT_LOOP(i32x16, int32_t, 4, dot4(sum, w, x));
  int32_t result = 0;
  for (int c = 0; c < LIMIT_CHAINS; c++)
    for (int i = 0; i < LANES; i++) result ^= sums[c][i];
  return result;
}

INLINE float sum_chains(const f32x16 *sums) {
  float result = 0;
  for (int c = 0; c < LIMIT_CHAINS; c++) result += sum_lanes(sums[c]);
  return result;
}

/// The same in f32.
static float float_products(const float *weights, const float *activations, size_t rounds, size_t *operations) {
  LIMIT_LOOP(f32x16, float, 1, multiply_add((f32x16)w, splat(x), sum));
  return sum_chains(sums);
}

#if MARTLET_HAS_BF16
/// The same in bf16, two products a lane.
static float bf16_products(const void *weights, const int32_t *activations, size_t rounds, size_t *operations) {
  LIMIT_LOOP(f32x16, int32_t, 2, dot2(sum, w, isplat(x)));
  return sum_chains(sums);
}
#define BF16_PRODUCTS bf16_products
#else
#define BF16_PRODUCTS NULL
#endif
