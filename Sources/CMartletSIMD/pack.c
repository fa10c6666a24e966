// Packing of weights into panels of 16 rows: see `martlet_pack_format`.
#include <string.h>

#include "quantized_blocks.h"

size_t martlet_quantized_row_bytes(size_t columns) {
  // quants, scales, sums of 16, scaled sums; a multiple of 64 bytes so that rows stay aligned
  return (columns + columns / 32 * (4 + 8 + 4) + 63) & ~(size_t)63;
}

martlet_pack_format martlet_pack_format_of(int type) {
  switch (type) {
    case MARTLET_Q4_0: return (martlet_pack_format){4, 2, false, 1};
    case MARTLET_Q4_1: return (martlet_pack_format){4, 2, true, 1};
    case MARTLET_Q8_0:
    case MARTLET_Q5_0: return (martlet_pack_format){8, 2, false, 1};
    case MARTLET_Q5_1: return (martlet_pack_format){8, 2, true, 1};
    case MARTLET_Q4_K: return (martlet_pack_format){4, 4, true, 1};
    case MARTLET_Q5_K: return (martlet_pack_format){8, 4, true, 1};
    case MARTLET_Q6_K: return (martlet_pack_format){8, 4, false, 2};
    default: __builtin_trap();
  }
}

static size_t group_bytes(martlet_pack_format format) {
  size_t scales = (size_t)(MARTLET_PANEL * format.scale_bytes);
  return (size_t)(format.bits == 4 ? 256 : 512) + scales * (size_t)format.groups + (format.has_minimum ? scales : 0);
}

size_t martlet_panel_bytes(martlet_pack_format format, size_t columns) {
  return columns / MARTLET_GROUP * group_bytes(format);
}

/// Scales of formats with 16-bit scales are halves in the file, so writing them back as halves is exact.
static void put_scale(int scale_bytes, uint8_t *at, float value) {
  if (scale_bytes == 4) {
    memcpy(at, &value, 4);
    return;
  }
  uint32_t bits;
  memcpy(&bits, &value, 4);
  uint16_t half = (uint16_t)((bits >> 16) & 0x8000);
  uint32_t magnitude = bits & 0x7fffffff;
  if (magnitude >= 0x7f800000) half |= (uint16_t)(0x7c00 | ((magnitude >> 13) & 0x3ff));
  else if (magnitude >= 113u << 23) half |= (uint16_t)((magnitude - (112u << 23)) >> 13);
  else {
    float absolute;
    memcpy(&absolute, &magnitude, 4);
    half |= (uint16_t)(absolute * 0x1p24f);
  }
  memcpy(at, &half, 2);
}

/// Puts one group of 32 columns of one row into its place.
static void pack_group(martlet_pack_format format, const int16_t *quants, const float *scales, float minimum, int row,
                       uint8_t *group) {
  const int offset = format.has_minimum ? 0 : format.bits == 4 ? 8 : 128;
  const size_t quant_bytes = format.bits == 4 ? 256 : 512;
  if (format.bits == 4) {
    // Register j carries columns 8j..8j+3 in the low halves and 8j+4..8j+7 in the high ones.
    for (int j = 0; j < 4; j++)
      for (int i = 0; i < 4; i++) {
        int low = quants[8 * j + i] + offset, high = quants[8 * j + 4 + i] + offset;
        group[j * 64 + row * 4 + i] = (uint8_t)(low | (high << 4));
      }
  } else {
    for (int column = 0; column < 32; column++)
      group[column / 4 * 64 + row * 4 + column % 4] = (uint8_t)(quants[column] + offset);
  }
  const size_t scale_bytes = (size_t)format.scale_bytes;
  uint8_t *at = group + quant_bytes + (size_t)row * scale_bytes;
  for (int i = 0; i < format.groups; i++, at += MARTLET_PANEL * scale_bytes)
    put_scale(format.scale_bytes, at, scales[i]);
  if (format.has_minimum) put_scale(format.scale_bytes, at, minimum);
}

void martlet_pack_quantized(int type, const void *rows, size_t row_bytes, size_t row_count, size_t columns,
                            void *panel) {
  const martlet_pack_format format = martlet_pack_format_of(type);
  const size_t stride = group_bytes(format);
  const int block_bytes = martlet_block_bytes(type);
  decoded_block block;
  memset(panel, 0, martlet_panel_bytes(format, columns));
  for (size_t row = 0; row < row_count; row++) {
    const uint8_t *p = (const uint8_t *)rows + row * row_bytes;
    uint8_t *group = panel;
    for (size_t column = 0; column < columns; column += (size_t)block.count, p += block_bytes) {
      martlet_decode_block(type, p, &block);
      for (int i = 0; i < block.count / 32; i++, group += stride)
        pack_group(format, block.quants + i * 32, block.scales + i * 2, block.minimums[i], (int)row, group);
    }
  }
}

void martlet_pack_plain(const void *rows, size_t row_bytes, size_t row_count, size_t columns, size_t element_bytes,
                        void *panel) {
  for (size_t row = 0; row < MARTLET_PANEL; row++) {
    const char *source = (const char *)rows + row * row_bytes;
    char *out = (char *)panel + row * element_bytes;
    for (size_t column = 0; column < columns; column++, out += MARTLET_PANEL * element_bytes) {
      if (row >= row_count) memset(out, 0, element_bytes);
      else if (element_bytes == 4) memcpy(out, source + column * 4, 4);
      else memcpy(out, source + column * 2, 2);
    }
  }
}
