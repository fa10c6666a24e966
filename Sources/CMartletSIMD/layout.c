// Copies between layouts.
#include <string.h>

#include "martlet_simd.h"

/// Elements on a side of the squares in which a plane is walked: a cache line of the smallest elements holds a row.
enum { SQUARE = 16 };

/// Walks in squares, so that neither side leaves a cache line before all that is needed of it was taken.
#define COPY_PLANE(ELEMENT)                                                                                      \
  for (size_t row = 0; row < rows; row += SQUARE)                                                                \
    for (size_t column = 0; column < columns; column += SQUARE) {                                                \
      const size_t height = rows - row < SQUARE ? rows - row : SQUARE;                                           \
      const size_t width = columns - column < SQUARE ? columns - column : SQUARE;                                \
      for (size_t i = row; i < row + height; i++)                                                                \
        for (size_t j = column; j < column + width; j++)                                                         \
          memcpy((ELEMENT *)out + ((ptrdiff_t)i * out_row + (ptrdiff_t)j * out_column),                          \
                 (const ELEMENT *)x + ((ptrdiff_t)i * x_row + (ptrdiff_t)j * x_column), sizeof(ELEMENT));        \
    }

void martlet_copy_plane(size_t size, size_t rows, size_t columns, const void *x, ptrdiff_t x_row, ptrdiff_t x_column,
                        void *out, ptrdiff_t out_row, ptrdiff_t out_column) {
  switch (size) {
    case 1: COPY_PLANE(uint8_t) break;
    case 2: COPY_PLANE(uint16_t) break;
    case 4: COPY_PLANE(uint32_t) break;
    case 8: COPY_PLANE(uint64_t) break;
    default: __builtin_trap();
  }
}
