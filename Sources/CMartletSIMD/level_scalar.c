// The plainest level: whatever the compiler's base line offers, without fused or half-precision instructions. On
// arm64 the base line is NEON, which has both.
#if defined(__aarch64__)
#define MARTLET_HAS_FMA 1
#define MARTLET_HAS_F16C 1
#else
#define MARTLET_HAS_FMA 0
#define MARTLET_HAS_F16C 0
#endif
#define TILE_PANELS 1
#define TILE_TOKENS 4
#define QUANTIZED_PANELS 1
#define QUANTIZED_TOKENS 4
#define CACHE_BLOCK_BYTES 131072
#define LIMIT_CHAINS 4
#include "level.h"

MARTLET_TABLE("scalar", martlet_kernels_scalar);
