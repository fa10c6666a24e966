/// Encoders of ggml's block formats: f32 numbers to the blocks that `martlet_dequantize` reads.
#pragma once

#include <stddef.h>

#pragma clang assume_nonnull begin

enum martlet_quantize_status {
  MARTLET_QUANTIZE_DONE = 0,
  /// A value is NaN or infinite.
  MARTLET_QUANTIZE_NOT_FINITE = 1,
  /// A block needs a scale or an offset beyond the 65504 of f16, the type that blocks keep them in.
  MARTLET_QUANTIZE_TOO_LARGE = 2,
};

/// Encodes `count` values, whole blocks of a quantised `martlet_type`, all of one row or of rows one after the other. On
/// one machine or another, whatever its instructions, the same values give the same bytes.
enum martlet_quantize_status martlet_quantize(int type, const float *values, void *blocks, size_t count);

/// The largest magnitude of `count` values; infinity if one of them is NaN or infinite.
float martlet_largest_magnitude(const float *values, size_t count);

#pragma clang assume_nonnull end
