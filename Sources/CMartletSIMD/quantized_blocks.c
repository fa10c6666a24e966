#include "quantized_blocks.h"

#include <string.h>

int martlet_block_size(int type) { return type >= MARTLET_Q4_K ? 256 : 32; }

int martlet_block_bytes(int type) {
  switch (type) {
    case MARTLET_Q8_0: return 2 + 32;
    case MARTLET_Q4_0: return 2 + 16;
    case MARTLET_Q4_1: return 4 + 16;
    case MARTLET_Q5_0: return 2 + 4 + 16;
    case MARTLET_Q5_1: return 4 + 4 + 16;
    case MARTLET_Q4_K: return 4 + 12 + 128;
    case MARTLET_Q5_K: return 4 + 12 + 32 + 128;
    case MARTLET_Q6_K: return 128 + 64 + 16 + 2;
    default: __builtin_trap();
  }
}

float martlet_half_to_float(uint16_t half) {
  uint32_t sign = (uint32_t)(half & 0x8000) << 16, magnitude = half & 0x7fff, bits;
  float value;
  if (magnitude < 0x0400) {
    value = (float)magnitude * 0x1p-24f;
    memcpy(&bits, &value, 4);
  } else {
    bits = (magnitude << 13) + (magnitude >= 0x7c00 ? 224u << 23 : 112u << 23);
  }
  bits |= sign;
  memcpy(&value, &bits, 4);
  return value;
}

static uint16_t half_bits(const uint8_t *p) {
  uint16_t h;
  memcpy(&h, p, 2);
  return h;
}

static float half_at(const uint8_t *p) { return martlet_half_to_float(half_bits(p)); }

/// 32 nibbles: the low halves of 16 bytes, then the high halves.
static void nibbles(const uint8_t *p, int16_t *out) {
  for (int i = 0; i < 16; i++) {
    out[i] = p[i] & 15;
    out[i + 16] = p[i] >> 4;
  }
}

/// The fifth bits of 32 quants, from a 32-bit word.
static void fifth_bits(const uint8_t *p, int16_t *out) {
  uint32_t bits;
  memcpy(&bits, p, 4);
  for (int i = 0; i < 32; i++) out[i] |= (int16_t)(((bits >> i) & 1) << 4);
}

/// The 6-bit scale and minimum of sub-block `i` of Q4_K and Q5_K, packed in 12 bytes.
static void scale_and_minimum(const uint8_t *p, int i, int *scale, int *minimum) {
  if (i < 4) {
    *scale = p[i] & 63;
    *minimum = p[i + 4] & 63;
  } else {
    *scale = (p[i + 4] & 15) | ((p[i - 4] >> 6) << 4);
    *minimum = (p[i + 4] >> 4) | ((p[i] >> 6) << 4);
  }
}

static void decode_simple(int type, const uint8_t *block, decoded_block *out) {
  const float scale = half_at(block);
  const bool minimum = type == MARTLET_Q4_1 || type == MARTLET_Q5_1;
  const bool fifth = type == MARTLET_Q5_0 || type == MARTLET_Q5_1;
  out->count = 32;
  out->has_minimum = minimum;
  out->scale_factor = half_bits(block);
  out->minimum_factor = minimum ? half_bits(block + 2) : 0;
  out->scales[0] = out->scales[1] = scale;
  out->minimums[0] = minimum ? half_at(block + 2) : 0;
  if (type == MARTLET_Q8_0) {
    for (int i = 0; i < 32; i++) out->quants[i] = (int8_t)block[2 + i];
    return;
  }
  const uint8_t *p = block + (minimum ? 4 : 2);
  nibbles(p + (fifth ? 4 : 0), out->quants);
  if (fifth) fifth_bits(p, out->quants);
  if (!minimum)
    for (int i = 0; i < 32; i++) out->quants[i] -= fifth ? 16 : 8;
}

static void decode_k(int type, const uint8_t *block, decoded_block *out) {
  const float scale = half_at(block), minimum = half_at(block + 2);
  const uint8_t *scales = block + 4;
  const uint8_t *high = block + 16;
  const uint8_t *quants = type == MARTLET_Q5_K ? block + 48 : block + 16;
  out->count = 256;
  out->has_minimum = true;
  out->scale_factor = half_bits(block);
  out->minimum_factor = half_bits(block + 2) ^ 0x8000;  // it is subtracted
  for (int i = 0; i < 8; i++) {
    int s, m;
    scale_and_minimum(scales, i, &s, &m);
    out->parts[2 * i] = out->parts[2 * i + 1] = (int8_t)s;
    out->minimum_parts[i] = (int8_t)m;
    out->scales[2 * i] = out->scales[2 * i + 1] = scale * (float)s;
    out->minimums[i] = -(minimum * (float)m);
    // Sub-blocks come in pairs that share 32 bytes: the even one in the low halves, the odd one in the high halves.
    for (int j = 0; j < 32; j++) {
      const uint8_t byte = quants[(i / 2) * 32 + j];
      int q = i % 2 ? byte >> 4 : byte & 15;
      if (type == MARTLET_Q5_K) q |= ((high[j] >> i) & 1) << 4;
      out->quants[i * 32 + j] = (int16_t)q;
    }
  }
}

static void decode_q6_k(const uint8_t *block, decoded_block *out) {
  const uint8_t *low = block, *high = block + 128;
  const int8_t *scales = (const int8_t *)(block + 192);
  const float scale = half_at(block + 208);
  out->count = 256;
  out->has_minimum = false;
  out->scale_factor = half_bits(block + 208);
  memcpy(out->parts, scales, sizeof out->parts);
  for (int i = 0; i < 16; i++) out->scales[i] = scale * (float)scales[i];
  for (int half = 0; half < 2; half++) {
    for (int j = 0; j < 32; j++) {
      for (int quarter = 0; quarter < 4; quarter++) {
        const uint8_t nibble_byte = low[half * 64 + (quarter % 2) * 32 + j];
        int q = quarter < 2 ? nibble_byte & 15 : nibble_byte >> 4;
        q |= ((high[half * 32 + j] >> (2 * quarter)) & 3) << 4;
        out->quants[half * 128 + quarter * 32 + j] = (int16_t)(q - 32);
      }
    }
  }
}

void martlet_decode_block(int type, const uint8_t *block, decoded_block *out) {
  switch (type) {
    case MARTLET_Q4_K:
    case MARTLET_Q5_K: decode_k(type, block, out); break;
    case MARTLET_Q6_K: decode_q6_k(block, out); break;
    default: decode_simple(type, block, out);
  }
}

void martlet_dequantize(int type, const void *blocks, float *out, size_t count) {
  const uint8_t *p = blocks;
  decoded_block block;
  const int bytes = martlet_block_bytes(type);
  for (size_t i = 0; i < count; p += bytes) {
    martlet_decode_block(type, p, &block);
    for (int j = 0; j < block.count; j++) {
      float value = block.scales[j / 16] * (float)block.quants[j];
      out[i + (size_t)j] = block.has_minimum ? value + block.minimums[j / 32] : value;
    }
    i += (size_t)block.count;
  }
}
