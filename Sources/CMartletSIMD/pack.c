// Packing of weights into panels of 16 rows: see `martlet_pack_format`.
#include <string.h>

#include "quantized_blocks.h"

martlet_pack_format martlet_pack_format_of(int type) {
  switch (type) {
    case MARTLET_Q4_0: return (martlet_pack_format){4, MARTLET_SCALES_F16};
    case MARTLET_Q4_1: return (martlet_pack_format){4, MARTLET_SCALES_F16_MINIMUM};
    case MARTLET_Q5_0: return (martlet_pack_format){5, MARTLET_SCALES_F16};
    case MARTLET_Q5_1: return (martlet_pack_format){5, MARTLET_SCALES_F16_MINIMUM};
    case MARTLET_Q8_0: return (martlet_pack_format){8, MARTLET_SCALES_F16};
    case MARTLET_Q4_K: return (martlet_pack_format){4, MARTLET_SCALES_K};
    case MARTLET_Q5_K: return (martlet_pack_format){5, MARTLET_SCALES_K};
    case MARTLET_Q6_K: return (martlet_pack_format){6, MARTLET_SCALES_K_16};
    default: __builtin_trap();
  }
}

size_t martlet_panel_bytes(martlet_pack_format format, size_t columns) {
  const size_t groups = columns / MARTLET_GROUP, most = MARTLET_RECORD / MARTLET_GROUP;
  const size_t rest = groups % most, last = rest ? martlet_record_of(format, rest).end : 0;
  return groups / most * martlet_record_of(format, most).end + last;
}

/// Puts the 32 quants of one row and group into their places in the group's registers, which were zero.
static void put_quants(int bits, const int16_t *quants, int offset, int row, uint8_t *group) {
  for (int column = 0; column < 32; column++) {
    const int quant = quants[column] + offset, index = column / 4, byte = row * 4 + column % 4;
    if (bits == 8) {
      group[index * 64 + byte] = (uint8_t)quant;
      continue;
    }
    group[index / 2 * 64 + byte] |= (uint8_t)((quant & 15) << (index % 2 * 4));
    if (bits == 5) group[256 + byte] |= (uint8_t)((quant >> 4) << index);
    if (bits == 6) group[256 + index / 4 * 64 + byte] |= (uint8_t)((quant >> 4) << (2 * (index % 4)));
  }
}

/// Puts the scales of one row and group into their places.
static void put_scales(int scales, const decoded_block *block, int group_in_block, int row, uint8_t *at) {
  const int8_t *parts = block->parts + 2 * group_in_block;
  switch (scales) {
    case MARTLET_SCALES_F16_MINIMUM:
      memcpy(at + 32 + row * 2, &block->minimum_factor, 2);
      __attribute__((fallthrough));
    case MARTLET_SCALES_F16: memcpy(at + row * 2, &block->scale_factor, 2); break;
    case MARTLET_SCALES_K:
      at[row] = (uint8_t)parts[0];
      at[16 + row] = (uint8_t)block->minimum_parts[group_in_block];
      break;
    default:
      at[row] = (uint8_t)parts[0];
      at[16 + row] = (uint8_t)parts[1];
  }
}

/// Puts a block of one row into its places in a record, behind `before` of the record's groups.
static void put_block(martlet_pack_format format, const decoded_block *block, martlet_record_layout layout, size_t before,
                      int row, uint8_t *record) {
  if (layout.factor_bytes) {
    uint8_t *factors = record + before / 8 * layout.factor_bytes + row * 2;
    memcpy(factors, &block->scale_factor, 2);
    if (block->has_minimum) memcpy(factors + 32, &block->minimum_factor, 2);
  }
  const int offset = block->has_minimum ? 0 : 1 << (format.bits - 1);
  for (int i = 0; i < block->count / MARTLET_GROUP; i++) {
    const size_t group = before + (size_t)i;
    put_scales(format.scales, block, i, row, record + layout.scales + group * layout.scale_bytes);
    put_quants(format.bits, block->quants + i * MARTLET_GROUP, offset, row,
               record + layout.quants + group * layout.quant_bytes);
  }
}

void martlet_pack_quantized(int type, const void *rows, size_t row_bytes, size_t row_count, size_t columns,
                            void *panel) {
  const martlet_pack_format format = martlet_pack_format_of(type);
  const size_t block_bytes = (size_t)martlet_block_bytes(type);
  memset(panel, 0, martlet_panel_bytes(format, columns));
  for (size_t row = 0; row < row_count; row++) {
    const uint8_t *p = (const uint8_t *)rows + row * row_bytes;
    uint8_t *record = panel;
    for (size_t column = 0; column < columns; column += MARTLET_RECORD) {
      const size_t width = columns - column < MARTLET_RECORD ? columns - column : MARTLET_RECORD;
      const martlet_record_layout layout = martlet_record_of(format, width / MARTLET_GROUP);
      decoded_block block;
      for (size_t done = 0; done < width; done += (size_t)block.count, p += block_bytes) {
        martlet_decode_block(type, p, &block);
        put_block(format, &block, layout, done / MARTLET_GROUP, (int)row, record);
      }
      record += layout.end;
    }
  }
}

size_t martlet_plain_panel_bytes(int type, size_t columns) {
  return type == MARTLET_F32 ? columns * 64 : type == MARTLET_F16 ? columns * 32 : (columns + 1) / 2 * 64;
}

/// Turns rows of units into columns of 16 units; missing rows stay as they are. A row's next units lie in one cache line.
#define PACK_UNITS(UNIT)                                                                                 \
  for (size_t first = 0; first < units; first += MARTLET_PANEL)                                          \
    for (size_t row = 0; row < row_count; row++) {                                                       \
      const char *from = rows + row * row_bytes + first * sizeof(UNIT);                                  \
      UNIT *to = (UNIT *)panel + first * MARTLET_PANEL + row;                                            \
      const size_t count = units - first < MARTLET_PANEL ? units - first : MARTLET_PANEL;                \
      for (size_t i = 0; i < count; i++) memcpy(to + i * MARTLET_PANEL, from + i * sizeof(UNIT), sizeof(UNIT)); \
    }

static void pack_units_of_2(const char *rows, size_t row_bytes, size_t row_count, size_t units, void *panel) {
  PACK_UNITS(uint16_t)
}
static void pack_units_of_4(const char *rows, size_t row_bytes, size_t row_count, size_t units, void *panel) {
  PACK_UNITS(uint32_t)
}

void martlet_pack_plain(int type, const void *rows, size_t row_bytes, size_t row_count, size_t columns, void *panel) {
  const size_t bytes = martlet_plain_panel_bytes(type, columns);
  if (row_count < MARTLET_PANEL) memset(panel, 0, bytes);
  if (type == MARTLET_F16) return pack_units_of_2(rows, row_bytes, row_count, columns, panel);
  if (type == MARTLET_F32) return pack_units_of_4(rows, row_bytes, row_count, columns, panel);
  // Two columns of bf16 are one unit; half a unit may remain.
  pack_units_of_4(rows, row_bytes, row_count, columns / 2, panel);
  if (columns % 2 == 0) return;
  uint16_t *last = (uint16_t *)((char *)panel + bytes - 2 * sizeof(uint16_t) * MARTLET_PANEL);
  memset(last, 0, 2 * sizeof(uint16_t) * MARTLET_PANEL);
  for (size_t row = 0; row < row_count; row++)
    memcpy(last + 2 * row, (const char *)rows + row * row_bytes + (columns - 1) * 2, 2);
}
