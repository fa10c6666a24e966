// The body of a level file: all loops, and the table of them.
#include "vector.h"

#include "rows.h"

#include "gemm.h"

#include "gemm_quantized.h"

#include "attention.h"

#include "limits.h"

#define MARTLET_TABLE(NAME, SYMBOL)                                                                                \
  const martlet_kernels SYMBOL = {                                                                                 \
      NAME,         add_rows,       swiglu,      convert,   rms_norm,    rope,             argmax,                 \
      dot,          dots,           weighted_sum, copy_rows, MARTLET_HAS_BF16, gemm,         quantize_row,           \
      gemm_quantized, cache_write,  attend,                                                                        \
      merge,        scale_out,      exponentials, read_memory, integer_products, float_products, BF16_PRODUCTS}
