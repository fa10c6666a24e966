/// Tensors and operators; part of `martlet.h`, which includes it.
#ifndef MARTLET_TENSOR_H
#define MARTLET_TENSOR_H

#include "martlet.h"

#ifdef __cplusplus
extern "C" {
#endif

// MARK: Tensors

/// The type of a tensor's elements; the numbers are those of `llaisysDataType_t`. Any tensor can be made, viewed and
/// copied; arithmetic is done in F32, F16 and BF16, with indices in I64 or I32.
typedef enum martlet_dtype {
  /// One byte of anything.
  MARTLET_DTYPE_BYTE = 1,
  /// One byte, 0 or 1.
  MARTLET_DTYPE_BOOL = 2,
  /// Signed, 1 byte.
  MARTLET_DTYPE_I8 = 3,
  /// Signed, 2 bytes.
  MARTLET_DTYPE_I16 = 4,
  /// Signed, 4 bytes.
  MARTLET_DTYPE_I32 = 5,
  /// Signed, 8 bytes.
  MARTLET_DTYPE_I64 = 6,
  /// Unsigned, 1 byte.
  MARTLET_DTYPE_U8 = 7,
  /// Unsigned, 2 bytes.
  MARTLET_DTYPE_U16 = 8,
  /// Unsigned, 4 bytes.
  MARTLET_DTYPE_U32 = 9,
  /// Unsigned, 8 bytes.
  MARTLET_DTYPE_U64 = 10,
  /// Floating point, 1 byte.
  MARTLET_DTYPE_F8 = 11,
  /// IEEE half precision.
  MARTLET_DTYPE_F16 = 12,
  /// IEEE single precision.
  MARTLET_DTYPE_F32 = 13,
  /// IEEE double precision.
  MARTLET_DTYPE_F64 = 14,
  /// Complex, 2 bytes.
  MARTLET_DTYPE_C16 = 15,
  /// Complex, 4 bytes.
  MARTLET_DTYPE_C32 = 16,
  /// Complex, 8 bytes.
  MARTLET_DTYPE_C64 = 17,
  /// Complex, 16 bytes.
  MARTLET_DTYPE_C128 = 18,
  /// The upper half of a single.
  MARTLET_DTYPE_BF16 = 19,
} martlet_dtype;

/// The most dimensions that a tensor can have.
#define MARTLET_MAX_DIMENSIONS 8

/// A typed, strided look at a piece of memory; an `llaisysTensor_t` is the same handle. The memory is shared by all tensors
/// that look at it and goes with the last one.
typedef struct martlet_tensor *martlet_tensor_t;

/// Makes a tensor without gaps; its elements are undefined.
/// @param shape Extents, outermost first; may be null for a scalar, which has no dimensions.
martlet_status martlet_tensor_create(const int64_t *shape, size_t dimensions, martlet_dtype dtype,
                                     martlet_device_type device_type, int32_t device_index, martlet_tensor_t *tensor);

/// Memory of somebody else, to be looked at without copying.
typedef struct martlet_memory {
  /// The size of the structure that the caller knows.
  size_t struct_size;
  /// The first element; a multiple of the element's size. May be null where there are no elements.
  void *data;
  /// How many extents and strides.
  size_t dimensions;
  /// Extents, outermost first.
  const int64_t *shape;
  /// Distances between neighbours in elements, none negative; null for a tensor without gaps.
  const int64_t *strides;
  /// The type of the elements.
  martlet_dtype dtype;
  /// The family of the device whose memory it is.
  martlet_device_type device_type;
  /// Which device of the family.
  int32_t device_index;
  /// Whether nothing may be written; an operator refuses such a tensor as its output.
  bool read_only;
  /// Called once, on any thread, when the last tensor that looks at the memory has gone; null for nothing.
  void (*release)(void *context);
  /// Handed to `release`.
  void *context;
} martlet_memory;

/// Makes a tensor of the caller's memory, which must stay as it is until `release` is called. Where this fails, `release`
/// is not called.
martlet_status martlet_tensor_borrow(const martlet_memory *memory, martlet_tensor_t *tensor);

/// Gives a tensor back.
martlet_status martlet_tensor_free(martlet_tensor_t tensor);

/// What can be said of a tensor.
typedef struct martlet_tensor_info {
  /// Set by the caller to the size of the structure that it knows; the function fills as much.
  size_t struct_size;
  /// The first element, in the device's memory.
  void *data;
  /// How many extents and strides.
  size_t dimensions;
  /// Extents, outermost first.
  int64_t shape[MARTLET_MAX_DIMENSIONS];
  /// Distances between neighbours, in elements.
  int64_t strides[MARTLET_MAX_DIMENSIONS];
  /// The type of the elements.
  martlet_dtype dtype;
  /// The family of the device.
  martlet_device_type device_type;
  /// Which device of the family.
  int32_t device_index;
  /// Bytes of an element.
  size_t element_size;
  /// How many elements.
  size_t element_count;
  /// Whether the elements lie without gaps in row-major order.
  bool is_contiguous;
  /// Whether the memory must not be written.
  bool read_only;
} martlet_tensor_info;

/// Describes a tensor; `info->struct_size` must be set.
martlet_status martlet_tensor_describe(martlet_tensor_t tensor, martlet_tensor_info *info);

/// The same elements under another shape, without a copy.
/// @returns `MARTLET_INVALID_ARGUMENT` if strides cannot describe it: make it contiguous first.
martlet_status martlet_tensor_view(martlet_tensor_t tensor, const int64_t *shape, size_t dimensions,
                                   martlet_tensor_t *view);

/// The dimensions in another order, without a copy: dimension `order[i]` comes to stand at `i`.
/// @param count The number of dimensions.
martlet_status martlet_tensor_permute(martlet_tensor_t tensor, const size_t *order, size_t count,
                                      martlet_tensor_t *permuted);

/// The elements from `start` to before `end` along one dimension, without a copy.
martlet_status martlet_tensor_slice(martlet_tensor_t tensor, size_t dimension, int64_t start, int64_t end,
                                    martlet_tensor_t *slice);

/// A tensor without gaps of the same elements: another look at the same memory if there are none, else a copy.
martlet_status martlet_tensor_contiguous(martlet_tensor_t tensor, martlet_tensor_t *contiguous);

/// A copy without gaps on a device.
martlet_status martlet_tensor_copy(martlet_tensor_t tensor, martlet_device_type device_type, int32_t device_index,
                                   martlet_tensor_t *copy);

/// Fills a tensor without gaps from the host's memory.
/// @param byte_count Must be exactly the bytes of the elements.
martlet_status martlet_tensor_load(martlet_tensor_t tensor, const void *data, size_t byte_count);

/// Copies the elements in row-major order to the host's memory.
/// @param byte_count Must be exactly the bytes of the elements.
martlet_status martlet_tensor_read(martlet_tensor_t tensor, void *data, size_t byte_count);

// MARK: Operators
//
// Outputs come first and exist already. Shapes, types and devices are checked; an error names the operator and the
// argument. Unless it says otherwise, all tensors of an operator have one type of F32, F16 and BF16 and lie on one device.
// An output must not overlap any other argument in memory; where it may be an input, it is exactly that input, of the same
// type, shape and strides. Columns of one matrix do not overlap. The work is done when the call returns.

/// `out = a + b`, shapes alike. `out` may be `a` or `b`.
martlet_status martlet_add(martlet_tensor_t out, martlet_tensor_t a, martlet_tensor_t b);

/// The place and value of the largest element of each row: `x` is `[…, width]`, `index` (I64 or I32) and `value` are `[…]`,
/// or `[1]` for a single row without other dimensions. Of equal ones the first; NaN counts as the largest.
martlet_status martlet_argmax(martlet_tensor_t index, martlet_tensor_t value, martlet_tensor_t x);

/// `out[i] = table[ids[i]]`: `ids` `[tokens]` of I64 or I32, each checked against the rows of `table` `[rows, width]`.
martlet_status martlet_embedding(martlet_tensor_t out, martlet_tensor_t ids, martlet_tensor_t table);

/// `out = x weightᵀ + bias`: `x` `[…, columns]`, `weight` `[rows, columns]`, `bias` `[rows]` or null, `out` `[…, rows]`.
martlet_status martlet_linear(martlet_tensor_t out, martlet_tensor_t x, martlet_tensor_t weight, martlet_tensor_t bias);

/// Copies elements between layouts of one shape and any one type.
martlet_status martlet_rearrange(martlet_tensor_t out, martlet_tensor_t x);

/// `out = x / sqrt(mean(x²) + epsilon) · weight` over the last dimension; `weight` is `[width]`,
/// `epsilon` finite and not negative.
martlet_status martlet_rms_norm(martlet_tensor_t out, martlet_tensor_t x, martlet_tensor_t weight, float epsilon);

/// Rotary position embedding: the pair (i, i + d/2) of each head turns by `position / theta^(2i/d)`. `x` and `out` are
/// `[tokens, heads, d]`, `positions` `[tokens]` of I64 or I32, from 0 to 16777216. `out` may be `x`.
martlet_status martlet_rope(martlet_tensor_t out, martlet_tensor_t x, martlet_tensor_t positions, float theta);

/// Causal attention with grouped queries, `softmax(q kᵀ · scale) v`: `q` `[queries, heads, d]`, `k` `[keys, key heads, d]`, `v`
/// `[keys, key heads, dv]`, `out` `[queries, heads, dv]`, `scale` finite. The last query sees all keys.
martlet_status martlet_self_attention(martlet_tensor_t out, martlet_tensor_t q, martlet_tensor_t k, martlet_tensor_t v,
                                      float scale);

/// `out = up · gate / (1 + exp(-gate))`, shapes alike.
martlet_status martlet_swiglu(martlet_tensor_t out, martlet_tensor_t gate, martlet_tensor_t up);

/// `residual += x`, then `out = martlet_rms_norm(residual, weight, epsilon)`, in one pass.
martlet_status martlet_add_rms_norm(martlet_tensor_t out, martlet_tensor_t residual, martlet_tensor_t x,
                                    martlet_tensor_t weight, float epsilon);

/// `out = x` in another of the types F32, F16 and BF16, rounded to nearest even; shapes alike.
martlet_status martlet_convert(martlet_tensor_t out, martlet_tensor_t x);

#ifdef __cplusplus
}
#endif

#endif
