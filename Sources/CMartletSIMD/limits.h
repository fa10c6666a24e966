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

/// Multiplies and adds bytes as products of quantised matrices do.
static int32_t integer_products(const void *weights, const int32_t *activations, size_t rounds, size_t *operations) {
  i32x16 sums[LIMIT_CHAINS];
  int32_t x[LIMIT_CHAINS];
  for (int c = 0; c < LIMIT_CHAINS; c++) {
    sums[c] = isplat(0);
    x[c] = activations[c];
  }
  for (size_t round = 0; round < rounds; round++)
    for (int step = 0; step < LIMIT_STEPS; step++) {
      i32x16 w = load_bytes((const char *)weights + step * 64);
#pragma clang loop unroll(full)  // the sums must be registers
      for (int c = 0; c < LIMIT_CHAINS; c++) sums[c] = dot4(sums[c], w, x[c]);
    }
  *operations = rounds * LIMIT_STEPS * LIMIT_CHAINS * LANES * 4 * 2;
  int32_t result = 0;
  for (int c = 0; c < LIMIT_CHAINS; c++)
    for (int i = 0; i < LANES; i++) result ^= sums[c][i];
  return result;
}

/// The same in f32.
static float float_products(const float *weights, const float *activations, size_t rounds, size_t *operations) {
  f32x16 sums[LIMIT_CHAINS];
  float x[LIMIT_CHAINS];
  for (int c = 0; c < LIMIT_CHAINS; c++) {
    sums[c] = splat(0.0f);
    x[c] = activations[c];
  }
  for (size_t round = 0; round < rounds; round++)
    for (int step = 0; step < LIMIT_STEPS; step++) {
      f32x16 w = load(MARTLET_F32, weights, (size_t)step * LANES);
#pragma clang loop unroll(full)  // the sums must be registers
      for (int c = 0; c < LIMIT_CHAINS; c++) sums[c] = multiply_add(w, splat(x[c]), sums[c]);
    }
  *operations = rounds * LIMIT_STEPS * LIMIT_CHAINS * LANES * 2;
  float result = 0;
  for (int c = 0; c < LIMIT_CHAINS; c++) result += sum_lanes(sums[c]);
  return result;
}

#if MARTLET_HAS_BF16
/// The same in bf16, two products a lane.
static float bf16_products(const void *weights, const int32_t *activations, size_t rounds, size_t *operations) {
  f32x16 sums[LIMIT_CHAINS];
  int32_t x[LIMIT_CHAINS];
  for (int c = 0; c < LIMIT_CHAINS; c++) {
    sums[c] = splat(0.0f);
    x[c] = activations[c];
  }
  for (size_t round = 0; round < rounds; round++)
    for (int step = 0; step < LIMIT_STEPS; step++) {
      i32x16 w = load_bytes((const char *)weights + step * 64);
#pragma clang loop unroll(full)  // the sums must be registers
      for (int c = 0; c < LIMIT_CHAINS; c++) sums[c] = dot2(sums[c], w, isplat(x[c]));
    }
  *operations = rounds * LIMIT_STEPS * LIMIT_CHAINS * LANES * 2 * 2;
  float result = 0;
  for (int c = 0; c < LIMIT_CHAINS; c++) result += sum_lanes(sums[c]);
  return result;
}
#define BF16_PRODUCTS bf16_products
#else
#define BF16_PRODUCTS NULL
#endif
