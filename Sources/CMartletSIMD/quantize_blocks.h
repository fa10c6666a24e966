// The encoders of formats with 256 weights a block.
#pragma once

#include <stdbool.h>
#include <stdint.h>

/// Q4_K (15 levels) and Q5_K (31). Returns false if the block's scales are too large for f16.
bool martlet_encode_k(const float *x, int levels, uint8_t *block);
/// Q6_K. Returns false if the block's scale is too large for f16.
bool martlet_encode_q6_k(const float *x, uint8_t *block);
