// The block formats of ggml (ggml-common.h), decoded to integers with scales: what dequantising and packing share.
#pragma once

#include "martlet_simd.h"

/// A block or super-block of one row, decoded: `value = scales[i / 16] * quants[i] + minimums[i / 32]`, in that exact
/// order of operations in f32.
typedef struct {
  int count;          ///< 32 or 256
  bool has_minimum;
  int16_t quants[256];
  float scales[16];   ///< per 16 columns
  float minimums[8];  ///< per 32 columns
  // What they were made of: `scales[i] = scale_factor * parts[i]`, `minimums[i] = minimum_factor * minimum_parts[i]`.
  uint16_t scale_factor, minimum_factor;  ///< f16
  int8_t parts[16], minimum_parts[8];     ///< of K formats only
} decoded_block;

int martlet_block_size(int type);
int martlet_block_bytes(int type);
float martlet_half_to_float(uint16_t half);
void martlet_decode_block(int type, const uint8_t *block, decoded_block *out);
