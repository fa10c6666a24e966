/// The hot loops of Martlet's operators on a processor, compiled for several instruction sets.
///
/// A loop here works on one thread, on memory that its caller has checked, and allocates nothing; how work is split over
/// threads is decided in Swift. `martlet_kernels_best` gives the table for the best instruction set of this machine.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Element types; the values are those of `DType` in MartletTensor.
enum martlet_type {
  MARTLET_F32 = 0,
  MARTLET_F16 = 1,
  MARTLET_BF16 = 2,
  MARTLET_Q8_0 = 6,
  MARTLET_Q4_0 = 7,
  MARTLET_Q4_1 = 8,
  MARTLET_Q5_0 = 9,
  MARTLET_Q5_1 = 10,
  MARTLET_Q4_K = 11,
  MARTLET_Q5_K = 12,
  MARTLET_Q6_K = 13,
};

enum {
  /// Output rows that are interleaved in one panel of packed weights: one per 32-bit lane of a 512-bit register.
  MARTLET_PANEL = 16,
  /// Elements of a row of activations that share one scale when they are quantised to 8 bits.
  MARTLET_GROUP = 32,
  /// Columns of a panel of quantised weights whose scales and quants lie together.
  MARTLET_RECORD = 512,
  /// Tokens in one block of the KV cache.
  MARTLET_KV_BLOCK = 16,
  /// Keys that attention softmaxes at once before it merges with what came before.
  MARTLET_SEGMENT = 256,
  /// Most query rows that attention works on at once.
  MARTLET_QUERY_TILE = 8,
  /// Bytes of weights that the loops measuring arithmetic limits read again and again.
  MARTLET_LIMIT_WEIGHTS = 4096,
  /// Activations that they may read.
  MARTLET_LIMIT_ACTIVATIONS = 16,
};

/// How the scales of quantised weights are stored.
enum martlet_scales {
  /// One f16 a group of 32 columns: Q4_0, Q5_0, Q8_0.
  MARTLET_SCALES_F16,
  /// The same and an f16 minimum: Q4_1, Q5_1.
  MARTLET_SCALES_F16_MINIMUM,
  /// 6-bit scale and minimum a group, multiplied with two f16 of 256 columns: Q4_K, Q5_K.
  MARTLET_SCALES_K,
  /// An 8-bit scale a half group of 16, multiplied with one f16 of 256 columns: Q6_K.
  MARTLET_SCALES_K_16,
};

/// How quantised weights are packed into panels of `MARTLET_PANEL` rows, in about the bytes that they have in the file.
///
/// A panel is one run of records of `MARTLET_RECORD` columns, the last of which may have fewer, so that a product reads a
/// single stream. A record is the f16 factors of each 256 columns (scale, then negated minimum; 16 rows each), the scales
/// of each group (scale, then minimum, or two scales; 16 rows each), and the quants of each group. Quants are unsigned;
/// where there are no minimums, `2^(bits - 1)` too high. A register of 64 bytes carries 4 columns of 16 rows: of 8-bit
/// quants as they are; else the low half bytes of columns `8j ..< 8j + 4` and the high ones of the next four, in four
/// registers, and then for 5 bits one register whose bit `i` is the fifth of column `4i + (byte mod 4)`, or for 6 bits two
/// registers with two such bits each for four columns.
typedef struct {
  int bits;    ///< 4, 5, 6 or 8
  int scales;  ///< `enum martlet_scales`
} martlet_pack_format;

/// Where the parts of a record of some groups begin, and how long they are, in bytes.
typedef struct {
  size_t factor_bytes, scale_bytes, quant_bytes;  ///< of 256 columns, of a group, of a group
  size_t scales, quants, end;
} martlet_record_layout;

static inline martlet_record_layout martlet_record_of(martlet_pack_format format, size_t groups) {
  martlet_record_layout layout = {0};
  layout.factor_bytes = format.scales == MARTLET_SCALES_K ? 64 : format.scales == MARTLET_SCALES_K_16 ? 32 : 0;
  layout.scale_bytes = format.scales == MARTLET_SCALES_F16_MINIMUM ? 64 : 32;
  layout.quant_bytes = 64 * (size_t)format.bits;
  layout.scales = (groups + 7) / 8 * layout.factor_bytes;
  // The quants, of which there are most, are aligned to registers.
  layout.quants = (layout.scales + groups * layout.scale_bytes + 63) & ~(size_t)63;
  layout.end = layout.quants + groups * layout.quant_bytes;
  return layout;
}

/// 32 neighbouring columns of a row of activations, quantised to 8 bits.
typedef struct {
  int8_t quants[MARTLET_GROUP];
  float scale;
  float scaled_sum;  ///< `scale` times the sum of the quants
  int32_t sums[2];   ///< of the quants, 16 each
} martlet_quantized_group;

/// A paged KV cache as attention sees it. Of one (block, head), keys are stored transposed `[dim][16 tokens]` and values
/// `[16 tokens][padded dim]`, where the padded dimension is a multiple of 16. With Q8_0 both are signed bytes, and an f16
/// scale of each token's 32 neighbouring dimensions follows them: `[dim / 32][16 tokens]` after keys, `[16 tokens][dim / 32]`
/// after values.
typedef struct {
  const void *keys;
  const void *values;
  size_t key_block_stride, key_head_stride;      ///< in bytes
  size_t value_block_stride, value_head_stride;  ///< in bytes
  size_t head_dim, padded_dim;
  int type;  ///< f32, f16, bf16 or Q8_0
  float scale;
} martlet_kv_view;

/// Scales of one token's head in a Q8_0 cache.
static inline size_t martlet_kv_groups(size_t dim) { return (dim + MARTLET_GROUP - 1) / MARTLET_GROUP; }

/// Bytes of one head's keys (`padded_dim` the head's dimension) or values in one block of the cache.
static inline size_t martlet_kv_bytes(int type, size_t padded_dim) {
  if (type != MARTLET_Q8_0) return padded_dim * MARTLET_KV_BLOCK * (type == MARTLET_F32 ? 4 : 2);
  return padded_dim * MARTLET_KV_BLOCK + martlet_kv_groups(padded_dim) * MARTLET_KV_BLOCK * 2;
}

/// What attention has gathered for some query rows: the running maximum, the sum of exponentials, and the weighted sum
/// of values (`rows * padded_dim`).
typedef struct {
  float *maximum;
  float *sum;
  float *output;
} martlet_attention_state;

/// One table of loops per instruction set: functions and a constant name, so any thread may have a copy.
typedef struct __attribute__((swift_attr("@Sendable"))) {
  const char *name;

  /// `out = a + b`
  void (*add)(int type, const void *a, const void *b, void *out, size_t count);
  /// `out = up * gate * sigmoid(gate)`, with `gate * sigmoid(gate)` rounded to the type first.
  void (*swiglu)(int type, const void *gate, const void *up, void *out, size_t count);
  /// Converts between f32, f16 and bf16, rounding to nearest even.
  void (*convert)(int from, const void *source, int to, void *out, size_t count);
  /// One row: `out = round(x / sqrt(mean(x²) + epsilon)) * weight`.
  void (*rms_norm)(int type, const void *x, int weight_type, const void *weight, float epsilon, void *out, size_t count);
  /// Rotates pairs (i, i + half) of one head: `(a cos - b sin, b cos + a sin)`.
  void (*rope)(int type, const void *x, const float *cosines, const float *sines, void *out, size_t half);
  /// The first index of the largest element; NaN counts as the largest, as in PyTorch.
  size_t (*argmax)(int type, const void *x, size_t count);
  /// Dot product of two rows, accumulated in f32 in 16 lanes.
  float (*dot)(int x_type, const void *x, int y_type, const void *y, size_t count);
  /// `out[r] = x · rows[r]` for rows of `width` elements, `stride` elements apart.
  void (*dots)(int type, const void *x, const void *rows, size_t stride, size_t count, size_t width, float *out);
  /// `out = sum_r weights[r] * rows[r]`, likewise.
  void (*weighted_sum)(int type, const void *rows, size_t stride, size_t count, const float *weights, size_t width,
                       float *out);
  /// Copies rows of `bytes` bytes; distances in bytes.
  void (*copy_rows)(size_t rows, size_t bytes, const void *x, ptrdiff_t x_stride, void *out, ptrdiff_t out_stride);

  /// Whether `gemm` multiplies bf16 with bf16.
  bool has_bf16;
  /// `out[t][r] = sum_k x[t][k] * w[r][k] (+ bias[r])` for panels `first..<last` of packed f32, f16 or bf16 weights.
  /// `x` is f32, or with `has_bf16` and bf16 weights bf16; `out` is of `out_type` with `rows` valid columns in all.
  void (*gemm)(int weight_type, const void *panels, size_t first, size_t last, size_t rows, size_t columns,
               int x_type, const void *x, size_t x_stride, size_t tokens, const float *_Nullable bias, int out_type, void *out,
               size_t out_stride);
  /// One row of activations to 8 bits.
  void (*quantize_row)(int type, const void *x, martlet_quantized_group *out, size_t columns);
  /// As `gemm`, for quantised panels and quantised rows of activations.
  void (*gemm_quantized)(martlet_pack_format format, const void *panels, size_t first, size_t last, size_t rows,
                         size_t columns, const martlet_quantized_group *x, size_t tokens, const float *_Nullable bias,
                         int out_type, void *out, size_t out_stride);

  /// Writes one token's key (transposed) and value of one head into its block.
  void (*cache_write)(int type, const void *key, const void *value, int cache_type, size_t head_dim, size_t padded_dim,
                      size_t slot, void *key_block, void *value_block);
  /// Attention of `rows` query rows (f32, at most `MARTLET_QUERY_TILE`) of one key head over the keys
  /// `begin..<end` of one segment. Row i sees the keys `firsts[i]..<limits[i]`. Overwrites `state` with the segment's own result;
  /// a row that sees nothing gets maximum -infinity, sum 0 and output 0.
  void (*attend)(const martlet_kv_view *view, const int32_t *block_table, size_t head, const float *queries,
                 size_t query_stride, const int32_t *firsts, const int32_t *limits, size_t rows, size_t begin, size_t end,
                 float *scores, martlet_attention_state state);
  /// Merges a later segment's state of one row into an earlier one's.
  void (*merge)(float *maximum, float *sum, float *output, float later_maximum, float later_sum,
                const float *later_output, size_t padded_dim);
  /// `out = scale * x` for one row of attention output.
  void (*scale_out)(const float *x, float scale, int out_type, void *out, size_t count);
  /// In place: `x = exp(x - shift)`; returns the sum.
  float (*exponentials)(float *x, float shift, size_t count);

  /// Reads `bytes` bytes, a multiple of 256, as fast as they come; the result only keeps the reading from being left out.
  int32_t (*read_memory)(const void *memory, size_t bytes);
  /// The rate of 8-bit products at best: multiplies `MARTLET_LIMIT_WEIGHTS` bytes with `MARTLET_LIMIT_ACTIVATIONS`
  /// numbers of four bytes, `rounds` times. `operations` becomes the number of multiplications and additions.
  int32_t (*integer_products)(const void *weights, const int32_t *activations, size_t rounds, size_t *operations);
  /// The rate of f32 products at best; `weights` are as many bytes.
  float (*float_products)(const float *weights, const float *activations, size_t rounds, size_t *operations);
  /// The rate of bf16 products at best; null without `has_bf16`. `activations` are pairs.
  float (*_Nullable bf16_products)(const void *weights, const int32_t *activations, size_t rounds, size_t *operations);
} martlet_kernels;

/// The table for the best instruction set of this processor.
const martlet_kernels *martlet_kernels_best(void);
/// The table of that name if the processor can run it, else NULL: `scalar`, `avx2`, `avx512`, `avx512vnni`,
/// `avx512bf16`.
const martlet_kernels *_Nullable martlet_kernels_named(const char *name);
/// The names that the processor can run, from plain to best; returns how many were written.
size_t martlet_kernels_available(const char *_Nullable *_Nonnull names, size_t capacity);

/// Dequantises `count` elements (whole blocks) to f32, exactly as ggml does.
void martlet_dequantize(int type, const void *blocks, float *out, size_t count);
/// The packed form of a quantised type.
martlet_pack_format martlet_pack_format_of(int type);
/// Bytes of one packed panel.
size_t martlet_panel_bytes(martlet_pack_format format, size_t columns);
/// Packs up to 16 rows of blocks, `row_bytes` apart, into one panel; missing rows become zeros.
void martlet_pack_quantized(int type, const void *rows, size_t row_bytes, size_t row_count, size_t columns, void *panel);
/// Bytes of one panel of plain weights.
size_t martlet_plain_panel_bytes(int type, size_t columns);
/// Packs up to 16 rows of plain elements into one panel: f32 and f16 as `[columns][16]`, bf16 as `[columns / 2][16][2]`;
/// missing rows and columns become zeros.
void martlet_pack_plain(int type, const void *rows, size_t row_bytes, size_t row_count, size_t columns, void *panel);

/// `out[i][j] = x[i][j]` for elements of 1, 2, 4 or 8 bytes; distances in elements.
void martlet_copy_plane(size_t size, size_t rows, size_t columns, const void *x, ptrdiff_t x_row, ptrdiff_t x_column,
                        void *out, ptrdiff_t out_row, ptrdiff_t out_column);

/// The cores on which the calling process may run.
int martlet_available_cores(void);

/// The core that the calling thread runs on; negative if the system does not say.
int martlet_current_core(void);

/// Moves the calling thread to another core if it runs on this one and may run on others.
void martlet_leave_core(int core);

/// Tells the processor that the calling thread is spinning.
static inline void martlet_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// Asks the processor to bring `bytes` bytes, a multiple of 64, into the second cache of the calling thread's core. Any
/// address may be named: what cannot be read is not brought.
static inline void martlet_bring(const void *memory, size_t bytes) {
  for (size_t at = 0; at < bytes; at += 64) __builtin_prefetch((const char *)memory + at, 0, 2);
}

#pragma clang assume_nonnull end
