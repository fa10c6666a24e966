/// LLAISYS's C interface, with the names, values and layouts of the public repository InfiniTensor/llaisys, so that programs
/// written for its shared library run on `libmartlet.so` unchanged.
///
/// The handles, their safety and the rules for threads are those of `martlet.h`; an `llaisysTensor_t` is a `martlet_tensor_t`.
/// LLAISYS's functions return no status. Where one fails, `martlet_last_status` and `martlet_last_error` tell what and why,
/// one line goes to standard error, functions that return a handle return null, others zero, and nothing is changed.
/// After a call that succeeded, `martlet_last_status` is `MARTLET_OK`.
///
/// The one addition is `LLAISYS_DEVICE_METAX`. `llaisys/runtime.h`, `llaisys/tensor.h`, `llaisys/ops.h` and
/// `llaisys/models/qwen2.h`, which LLAISYS's programs include, are there too and hold no more than this header.
#ifndef LLAISYS_H
#define LLAISYS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// MARK: Types

/// The families of devices.
typedef enum {
  /// The processor.
  LLAISYS_DEVICE_CPU = 0,
  /// NVIDIA's GPUs.
  LLAISYS_DEVICE_NVIDIA = 1,
  /// MetaX's GPUs; LLAISYS does not have them.
  LLAISYS_DEVICE_METAX = 2,
  /// How many families there are.
  LLAISYS_DEVICE_TYPE_COUNT
} llaisysDeviceType_t;

/// The type of a tensor's elements. Tensors of all types but `LLAISYS_DTYPE_INVALID` can be made; arithmetic is done in F32,
/// F16 and BF16, with indices in I64.
typedef enum {
  LLAISYS_DTYPE_INVALID = 0,
  LLAISYS_DTYPE_BYTE = 1,
  LLAISYS_DTYPE_BOOL = 2,
  LLAISYS_DTYPE_I8 = 3,
  LLAISYS_DTYPE_I16 = 4,
  LLAISYS_DTYPE_I32 = 5,
  LLAISYS_DTYPE_I64 = 6,
  LLAISYS_DTYPE_U8 = 7,
  LLAISYS_DTYPE_U16 = 8,
  LLAISYS_DTYPE_U32 = 9,
  LLAISYS_DTYPE_U64 = 10,
  LLAISYS_DTYPE_F8 = 11,
  LLAISYS_DTYPE_F16 = 12,
  LLAISYS_DTYPE_F32 = 13,
  LLAISYS_DTYPE_F64 = 14,
  LLAISYS_DTYPE_C16 = 15,
  LLAISYS_DTYPE_C32 = 16,
  LLAISYS_DTYPE_C64 = 17,
  LLAISYS_DTYPE_C128 = 18,
  LLAISYS_DTYPE_BF16 = 19,
} llaisysDataType_t;

/// A vendor's stream; null on the processor.
typedef void *llaisysStream_t;

/// The direction of a copy.
typedef enum {
  /// Host to host.
  LLAISYS_MEMCPY_H2H = 0,
  /// Host to device.
  LLAISYS_MEMCPY_H2D = 1,
  /// Device to host.
  LLAISYS_MEMCPY_D2H = 2,
  /// Device to device.
  LLAISYS_MEMCPY_D2D = 3,
} llaisysMemcpyKind_t;

// MARK: Runtime

typedef int (*get_device_count_api)(void);
typedef void (*set_device_api)(int);
typedef void (*device_synchronize_api)(void);
typedef llaisysStream_t (*create_stream_api)(void);
typedef void (*destroy_stream_api)(llaisysStream_t);
typedef void (*stream_synchronize_api)(llaisysStream_t);
typedef void *(*malloc_device_api)(size_t);
typedef void (*free_device_api)(void *);
typedef void *(*malloc_host_api)(size_t);
typedef void (*free_host_api)(void *);
typedef void (*memcpy_sync_api)(void *, const void *, size_t, llaisysMemcpyKind_t);
typedef void (*memcpy_async_api)(void *, const void *, size_t, llaisysMemcpyKind_t, llaisysStream_t);

/// The twelve functions of a family of devices. They concern the device that `set_device` chose on the calling thread, device
/// 0 unless it did. None is ever null: for a family that is not there `get_device_count` gives 0 and the others fail.
typedef struct LlaisysRuntimeAPI {
  /// How many devices there are.
  get_device_count_api get_device_count;
  /// Chooses the device of this thread's next calls.
  set_device_api set_device;
  /// Waits for all work on the device.
  device_synchronize_api device_synchronize;
  /// Makes a stream.
  create_stream_api create_stream;
  /// Destroys a stream.
  destroy_stream_api destroy_stream;
  /// Waits for all work on a stream.
  stream_synchronize_api stream_synchronize;
  /// Device memory, or null.
  malloc_device_api malloc_device;
  /// Gives device memory back.
  free_device_api free_device;
  /// Host memory, or null.
  malloc_host_api malloc_host;
  /// Gives host memory back.
  free_host_api free_host;
  /// Copies and waits.
  memcpy_sync_api memcpy_sync;
  /// Copies in the order of a stream.
  memcpy_async_api memcpy_async;
} LlaisysRuntimeAPI;

/// The functions of a family; valid for ever. Null for a number that is no family.
const LlaisysRuntimeAPI *llaisysGetRuntimeAPI(llaisysDeviceType_t device_type);

/// Chooses the device of this thread. It decides nothing in this library, whose tensors know their device; the device is
/// checked, and made the vendor's current one for this thread.
void llaisysSetContextRuntime(llaisysDeviceType_t device_type, int device_id);

// MARK: Tensors

/// A tensor: a `martlet_tensor_t`.
typedef struct LlaisysTensor *llaisysTensor_t;

/// Makes a tensor without gaps; its elements are undefined.
llaisysTensor_t tensorCreate(const size_t *shape, size_t ndim, llaisysDataType_t dtype, llaisysDeviceType_t device_type,
                             int device_id);

/// Gives a tensor back. Null does nothing.
void tensorDestroy(llaisysTensor_t tensor);

/// The first element, in the device's memory.
void *tensorGetData(llaisysTensor_t tensor);

/// How many dimensions.
size_t tensorGetNdim(llaisysTensor_t tensor);

/// Writes the extents to `shape`, which has room for them.
void tensorGetShape(llaisysTensor_t tensor, size_t *shape);

/// Writes the distances in elements to `strides`, which has room for them.
void tensorGetStrides(llaisysTensor_t tensor, ptrdiff_t *strides);

/// The type of the elements; `LLAISYS_DTYPE_INVALID` on failure.
llaisysDataType_t tensorGetDataType(llaisysTensor_t tensor);

/// The family of the device.
llaisysDeviceType_t tensorGetDeviceType(llaisysTensor_t tensor);

/// Which device of the family.
int tensorGetDeviceId(llaisysTensor_t tensor);

/// Prints shape, strides, type and elements to standard output.
void tensorDebug(llaisysTensor_t tensor);

/// Whether the elements lie without gaps in row-major order: 1 or 0.
uint8_t tensorIsContiguous(llaisysTensor_t tensor);

/// Fills a tensor without gaps from the host's memory, which has as many bytes as its elements.
void tensorLoad(llaisysTensor_t tensor, const void *data);

/// The same elements under another shape, without a copy; null if strides cannot describe it.
llaisysTensor_t tensorView(llaisysTensor_t tensor, const size_t *shape, size_t ndim);

/// The dimensions in another order, without a copy: dimension `order[i]` comes to stand at `i`.
llaisysTensor_t tensorPermute(llaisysTensor_t tensor, const size_t *order);

/// The elements from `start` to before `end` along a dimension, without a copy.
llaisysTensor_t tensorSlice(llaisysTensor_t tensor, size_t dim, size_t start, size_t end);

// MARK: Operators

/// `martlet_add`.
void llaisysAdd(llaisysTensor_t c, llaisysTensor_t a, llaisysTensor_t b);

/// `martlet_argmax`.
void llaisysArgmax(llaisysTensor_t max_idx, llaisysTensor_t max_val, llaisysTensor_t vals);

/// `martlet_embedding`.
void llaisysEmbedding(llaisysTensor_t out, llaisysTensor_t index, llaisysTensor_t weight);

/// `martlet_linear`; `bias` may be null.
void llaisysLinear(llaisysTensor_t out, llaisysTensor_t in, llaisysTensor_t weight, llaisysTensor_t bias);

/// `martlet_rearrange`.
void llaisysRearrange(llaisysTensor_t out, llaisysTensor_t in);

/// `martlet_rms_norm`.
void llaisysRmsNorm(llaisysTensor_t out, llaisysTensor_t in, llaisysTensor_t weight, float eps);

/// `martlet_rope`.
void llaisysROPE(llaisysTensor_t out, llaisysTensor_t in, llaisysTensor_t pos_ids, float theta);

/// `martlet_self_attention`.
void llaisysSelfAttention(llaisysTensor_t attn_val, llaisysTensor_t q, llaisysTensor_t k, llaisysTensor_t v, float scale);

/// `martlet_swiglu`.
void llaisysSwiGLU(llaisysTensor_t out, llaisysTensor_t gate, llaisysTensor_t up);

// MARK: Qwen2

/// The sizes of a Qwen2 model.
typedef struct LlaisysQwen2Meta {
  /// F32, F16 or BF16: the type of all weights, and of the arithmetic.
  llaisysDataType_t dtype;
  /// Layers, hidden size, query heads, key heads, head dimension, feed-forward size, longest sequence, vocabulary.
  size_t nlayer, hs, nh, nkvh, dh, di, maxseq, voc;
  /// `rms_norm_eps` and `rope_theta`.
  float epsilon, theta;
  /// The token that ends a text; not used by `llaisysQwen2ModelInfer`, which returns it like any other.
  int64_t end_token;
} LlaisysQwen2Meta;

/// The weights of a Qwen2 model, to be filled with `tensorLoad` or through `tensorGetData`. Tensors and lists belong to the
/// model: they go with it and must not be destroyed. Matrices are `[outputs, inputs]`; lists have an entry a layer.
typedef struct LlaisysQwen2Weights {
  /// `model.embed_tokens.weight`, `[voc, hs]`.
  llaisysTensor_t in_embed;
  /// `lm_head.weight`, `[voc, hs]`; of a model with tied embeddings, the same numbers as `in_embed`.
  llaisysTensor_t out_embed;
  /// `model.norm.weight`, `[hs]`.
  llaisysTensor_t out_norm_w;
  /// `input_layernorm.weight`, `[hs]`.
  llaisysTensor_t *attn_norm_w;
  /// `self_attn.q_proj.weight`, `[nh * dh, hs]`.
  llaisysTensor_t *attn_q_w;
  /// `self_attn.q_proj.bias`, `[nh * dh]`.
  llaisysTensor_t *attn_q_b;
  /// `self_attn.k_proj.weight`, `[nkvh * dh, hs]`.
  llaisysTensor_t *attn_k_w;
  /// `self_attn.k_proj.bias`, `[nkvh * dh]`.
  llaisysTensor_t *attn_k_b;
  /// `self_attn.v_proj.weight`, `[nkvh * dh, hs]`.
  llaisysTensor_t *attn_v_w;
  /// `self_attn.v_proj.bias`, `[nkvh * dh]`.
  llaisysTensor_t *attn_v_b;
  /// `self_attn.o_proj.weight`, `[hs, nh * dh]`.
  llaisysTensor_t *attn_o_w;
  /// `post_attention_layernorm.weight`, `[hs]`.
  llaisysTensor_t *mlp_norm_w;
  /// `mlp.gate_proj.weight`, `[di, hs]`.
  llaisysTensor_t *mlp_gate_w;
  /// `mlp.up_proj.weight`, `[di, hs]`.
  llaisysTensor_t *mlp_up_w;
  /// `mlp.down_proj.weight`, `[hs, di]`.
  llaisysTensor_t *mlp_down_w;
} LlaisysQwen2Weights;

/// A Qwen2 model.
struct LlaisysQwen2Model;

/// Makes a model whose weights are still to be filled.
/// @param device_ids The device's number is its first entry; null for device 0.
/// @param ndevice How many entries; 0 or 1, since one device runs the model.
struct LlaisysQwen2Model *llaisysQwen2ModelCreate(const LlaisysQwen2Meta *meta, llaisysDeviceType_t device,
                                                  const int *device_ids, int ndevice);

/// Gives a model back, and the tensors of its weights with it. Null does nothing.
void llaisysQwen2ModelDestroy(struct LlaisysQwen2Model *model);

/// The weights to fill before the first `llaisysQwen2ModelInfer`, which packs them for the device and gives their memory
/// back: from then on the tensors are empty handles, and this function fails.
LlaisysQwen2Weights *llaisysQwen2ModelWeights(struct LlaisysQwen2Model *model);

/// The most probable next token after a sequence, or -1 on failure.
///
/// `token_ids` is always the *whole* sequence, prompt and everything generated so far, and the result depends on nothing
/// else. What the sequence has in common with the one of the previous call is taken from the cache, so that a call with one
/// token more computes one token. A program that passes the prompt first and then only each new token is not served: what
/// it passes is taken for a sequence of one token.
///
/// Calls for one model from several threads wait for each other. A weight that was never filled is an error that names it.
int64_t llaisysQwen2ModelInfer(struct LlaisysQwen2Model *model, const int64_t *token_ids, size_t ntoken);

#ifdef __cplusplus
}
#endif

#endif
