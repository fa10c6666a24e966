// Encoders of the formats with 32 weights a block, and the way into all encoders.
#include "quantize_blocks.h"

#include "martlet_quantize.h"
#include "quantize_search.h"
#include "quantized_blocks.h"

/// Rounds of the search in formats of so few weights a block that time is no matter.
enum { ROUNDS = 3 };

/// 32 integers of 0...15 as nibbles: the first 16 in the low halves.
static void put_nibbles(const uint8_t *q, uint8_t *out) {
  for (int i = 0; i < 16; i++) out[i] = (uint8_t)((q[i] & 15) | (q[i + 16] & 15) << 4);
}

/// The fifth bits of 32 integers as a word.
static void put_fifth_bits(const uint8_t *q, uint8_t *out) {
  uint32_t bits = 0;
  for (int i = 0; i < 32; i++) bits |= (uint32_t)(q[i] >> 4) << i;
  memcpy(out, &bits, 4);
}

static bool encode_q8_0(const float *x, uint8_t *block) {
  float largest = 0, scale;
  for (int i = 0; i < 32; i++) largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
  const bool fits = put_half(block, largest / 127, &scale);
  const float inverse = scale > 0 ? 1 / scale : 0;
  for (int i = 0; i < 32; i++) block[2 + i] = (uint8_t)(int8_t)nearest(x[i] * inverse, -127, 127);
  return fits;
}

/// Q4_0 (8 levels on either side) and Q5_0 (16).
static bool encode_symmetric(const float *x, int levels, uint8_t *block) {
  group g;
  uint8_t q[32];
  float scale;
  make_group(x, 32, false, &g);
  const bool fits = put_half(block, search_scale(&g, levels, ROUNDS), &scale);
  const float inverse = scale != 0 ? 1 / scale : 0;
  for (int i = 0; i < 32; i++) q[i] = (uint8_t)(nearest(x[i] * inverse, -levels, levels - 1) + levels);
  if (levels == 16) put_fifth_bits(q, block + 2);
  put_nibbles(q, block + (levels == 16 ? 6 : 2));
  return fits;
}

/// Q4_1 (15 levels above the offset) and Q5_1 (31).
static bool encode_offset(const float *x, int levels, uint8_t *block) {
  group g;
  uint8_t q[32];
  float scale, offset;
  make_group(x, 32, false, &g);
  search_scale_and_offset(&g, levels, false, ROUNDS, &scale, &offset);
  bool fits = put_half(block, scale, &scale);
  fits &= put_half(block + 2, offset, &offset);
  const float inverse = scale > 0 ? 1 / scale : 0;
  for (int i = 0; i < 32; i++) q[i] = (uint8_t)nearest((x[i] - offset) * inverse, 0, levels);
  if (levels == 31) put_fifth_bits(q, block + 4);
  put_nibbles(q, block + (levels == 31 ? 8 : 4));
  return fits;
}

static bool encode(int type, const float *x, uint8_t *block) {
  switch (type) {
    case MARTLET_Q8_0: return encode_q8_0(x, block);
    case MARTLET_Q4_0: return encode_symmetric(x, 8, block);
    case MARTLET_Q5_0: return encode_symmetric(x, 16, block);
    case MARTLET_Q4_1: return encode_offset(x, 15, block);
    case MARTLET_Q5_1: return encode_offset(x, 31, block);
    case MARTLET_Q4_K: return martlet_encode_k(x, 15, block);
    case MARTLET_Q5_K: return martlet_encode_k(x, 31, block);
    case MARTLET_Q6_K: return martlet_encode_q6_k(x, block);
    default: __builtin_trap();
  }
}

float martlet_largest_magnitude(const float *values, size_t count) {
  // As integers, magnitudes are ordered alike, and NaNs come last.
  uint32_t largest = 0;
  for (size_t i = 0; i < count; i++) {
    uint32_t bits;
    memcpy(&bits, &values[i], 4);
    bits &= 0x7fffffff;
    largest = bits > largest ? bits : largest;
  }
  if (largest > 0x7f800000) largest = 0x7f800000;
  float magnitude;
  memcpy(&magnitude, &largest, 4);
  return magnitude;
}

enum martlet_quantize_status martlet_quantize(int type, const float *values, void *blocks, size_t count) {
  const int size = martlet_block_size(type);
  const int bytes = martlet_block_bytes(type);
  uint8_t *block = blocks;
  for (size_t i = 0; i < count; i += (size_t)size, block += bytes) {
    if (isinf(martlet_largest_magnitude(values + i, (size_t)size))) return MARTLET_QUANTIZE_NOT_FINITE;
    if (!encode(type, values + i, block)) return MARTLET_QUANTIZE_TOO_LARGE;
  }
  return MARTLET_QUANTIZE_DONE;
}
