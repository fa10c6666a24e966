// What all kernels share. It stands before each of them, behind `martlet_gpu.h`. Vendor's names live here only. The host
// defines what it is compiled for: MT_PLATFORM_NVIDIA or MT_PLATFORM_METAX, and MT_WAVE, the lanes of the hardware's wave,
// where these are not 32.

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;

#define INLINE __device__ __forceinline__
/// A kernel for blocks of at most THREADS threads.
#define KERNEL(THREADS) extern "C" __global__ void __launch_bounds__(THREADS)
/// The same where BLOCKS of them shall fit on a multiprocessor at once, and registers up to that are for the taking. Elsewhere
/// the second number counts other things, or nobody has said what.
#if defined(MT_PLATFORM_NVIDIA)
#define KERNEL_TOGETHER(THREADS, BLOCKS) extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS)
#else
#define KERNEL_TOGETHER(THREADS, BLOCKS) KERNEL(THREADS)
#endif

enum { F32 = 0, F16 = 1, BF16 = 2, Q8_0 = 6, Q4_0 = 7, Q4_1 = 8, Q5_0 = 9, Q5_1 = 10, Q4_K = 11, Q5_K = 12, Q6_K = 13 };

/// Lanes that work together; on hardware with wider waves, several such groups share one.
enum { GROUP = 32 };

// --- Groups of 32 lanes ----------------------------------------------------------------------------------------------

#if !defined(MT_WAVE)
#define MT_WAVE 32
#endif

/// Which lanes take part in an exchange: those of the calling group. Where a wave holds two groups, the other one may be
/// elsewhere in the kernel, or through with it.
#if MT_WAVE == 64
typedef unsigned long lane_mask;
INLINE lane_mask own_lanes() { return (lane_mask)0xffffffff << threadIdx.x % 64 / GROUP * GROUP; }
#elif MT_WAVE == 32
typedef unsigned lane_mask;
INLINE lane_mask own_lanes() { return ~(lane_mask)0; }
#else
#error "waves have 32 lanes or 64"
#endif

INLINE int lane_index() { return threadIdx.x % GROUP; }
INLINE int group_index() { return threadIdx.x / GROUP; }

template <class T>
INLINE T from_lane_xor(T v, int mask) {
  return __shfl_xor_sync(own_lanes(), v, mask, GROUP);
}
template <class T>
INLINE T from_lane(T v, int lane) {
  return __shfl_sync(own_lanes(), v, lane, GROUP);
}
/// Lanes of a group see what the others wrote before it.
INLINE void sync_lanes() { __syncwarp(own_lanes()); }

/// Four of eight bytes, low word first, by the numbers in four digits of `order`.
INLINE u32 select_bytes(u32 low, u32 high, u32 order) {
#if defined(MT_PLATFORM_NVIDIA)
  return __byte_perm(low, high, order);
#else
  const u64 all = (u64)high << 32 | low;
  u32 v = 0;
  for (int i = 0; i < 4; i++) v |= (u32)(u8)(all >> (8 * (order >> (4 * i) & 7))) << (8 * i);
  return v;
#endif
}

/// The sum over `lanes` neighbouring lanes, the same in each, always added in the same order.
INLINE float sum_lanes(float v, const int lanes = GROUP) {
#pragma unroll
  for (int mask = lanes / 2; mask > 0; mask /= 2) v += from_lane_xor(v, mask);
  return v;
}
INLINE int sum_lanes(int v) {
#pragma unroll
  for (int mask = GROUP / 2; mask > 0; mask /= 2) v += from_lane_xor(v, mask);
  return v;
}
INLINE float max_lanes(float v) {
#pragma unroll
  for (int mask = GROUP / 2; mask > 0; mask /= 2) v = fmaxf(v, from_lane_xor(v, mask));
  return v;
}

/// The sum over a block, the same in every thread. `scratch` holds a float for each group of lanes.
INLINE float sum_block(float v, float *scratch) {
  v = sum_lanes(v);
  if (lane_index() == 0) scratch[group_index()] = v;
  __syncthreads();
  float total = 0;
  for (int i = 0; i < blockDim.x / GROUP; i++) total += scratch[i];
  __syncthreads();
  return total;
}

// --- Elements --------------------------------------------------------------------------------------------------------

struct f16 {
  u16 bits;
};
struct bf16 {
  u16 bits;
};

INLINE float widen(float v) { return v; }
INLINE float widen(bf16 v) { return __uint_as_float((u32)v.bits << 16); }
INLINE float widen(f16 v) {
#if defined(MT_PLATFORM_NVIDIA)
  float result;
  asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(v.bits));
  return result;
#else
  const u32 magnitude = v.bits & 0x7fff;
  const u32 bits = magnitude < 0x0400 ? __float_as_uint((float)magnitude * 0x1p-24f)
                                      : (magnitude << 13) + (magnitude >= 0x7c00 ? 224u << 23 : 112u << 23);
  return __uint_as_float(bits | (u32)(v.bits & 0x8000) << 16);
#endif
}

template <class T>
INLINE T narrow(float v);
template <>
INLINE float narrow<float>(float v) {
  return v;
}
/// To nearest even; a NaN stays one.
template <>
INLINE bf16 narrow<bf16>(float v) {
#if defined(MT_PLATFORM_NVIDIA)
  bf16 result;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(result.bits) : "f"(v));
  return result;
#else
  const u32 bits = __float_as_uint(v);
  if (v != v) return bf16{(u16)(bits >> 16 | 0x40)};
  return bf16{(u16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
#endif
}
template <>
INLINE f16 narrow<f16>(float v) {
#if defined(MT_PLATFORM_NVIDIA)
  f16 result;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(result.bits) : "f"(v));
  return result;
#else
  const u32 bits = __float_as_uint(v), magnitude = bits & 0x7fffffff;
  const u16 sign = (u16)(bits >> 16 & 0x8000);
  if (magnitude > 0x7f800000) return f16{(u16)(sign | 0x7e00)};
  if (magnitude >= 0x477ff000) return f16{(u16)(sign | 0x7c00)};
  // Below the least normal number, adding and taking away a half rounds at the right place.
  if (magnitude < 0x38800000) {
    const float shifted = __uint_as_float(magnitude) + 0.5f;
    return f16{(u16)(sign | (__float_as_uint(shifted) - 0x3f000000))};
  }
  return f16{(u16)(sign | ((magnitude + 0xfff + (magnitude >> 13 & 1) - 0x38000000) >> 13))};
#endif
}

/// The number that storing in the type keeps.
template <class T>
INLINE float rounded(float v) {
  return widen(narrow<T>(v));
}

/// Integers in the order of the numbers: both zeros alike, every NaN above infinity.
INLINE int order_of(float v) {
  if (v != v) return 0x7fffffff;
  const int bits = __float_as_int(v + 0.0f);  // -0 + 0 is +0
  return bits ^ (bits >> 31 & 0x7fffffff);
}

// --- Eight neighbouring elements: what a thread moves at once -------------------------------------------------------

enum { CHUNK = 8 };

template <class T>
struct alignas(16) packet {
  T v[16 / sizeof(T)];
};

/// Reads `n` (at most 8) elements; those beyond become zero. `aligned` says that 8 may be read in packets.
template <class T>
INLINE void load(const T *p, int n, bool aligned, float *v) {
  if (aligned && n >= CHUNK) {
    const int each = 16 / sizeof(T);
#pragma unroll
    for (int i = 0; i < CHUNK / each; i++) {
      const packet<T> some = ((const packet<T> *)p)[i];
#pragma unroll
      for (int j = 0; j < each; j++) v[i * each + j] = widen(some.v[j]);
    }
  } else {
#pragma unroll
    for (int i = 0; i < CHUNK; i++) v[i] = i < n ? widen(p[i]) : 0.0f;
  }
}

template <class T>
INLINE void store(T *p, int n, bool aligned, const float *v) {
  if (aligned && n >= CHUNK) {
    const int each = 16 / sizeof(T);
#pragma unroll
    for (int i = 0; i < CHUNK / each; i++) {
      packet<T> some;
#pragma unroll
      for (int j = 0; j < each; j++) some.v[j] = narrow<T>(v[i * each + j]);
      ((packet<T> *)p)[i] = some;
    }
  } else {
#pragma unroll
    for (int i = 0; i < CHUNK; i++)
      if (i < n) p[i] = narrow<T>(v[i]);
  }
}

/// The same for a type that is known at run time only.
INLINE void load(int type, const void *p, i64 index, int n, bool aligned, float *v) {
  switch (type) {
    case F16: load((const f16 *)p + index, n, aligned, v); break;
    case BF16: load((const bf16 *)p + index, n, aligned, v); break;
    default: load((const float *)p + index, n, aligned, v);
  }
}
INLINE void store(int type, void *p, i64 index, int n, bool aligned, const float *v) {
  switch (type) {
    case F16: store((f16 *)p + index, n, aligned, v); break;
    case BF16: store((bf16 *)p + index, n, aligned, v); break;
    default: store((float *)p + index, n, aligned, v);
  }
}
INLINE float load_one(int type, const void *p, i64 index) {
  switch (type) {
    case F16: return widen(((const f16 *)p)[index]);
    case BF16: return widen(((const bf16 *)p)[index]);
    default: return ((const float *)p)[index];
  }
}
INLINE void store_one(int type, void *p, i64 index, float v) {
  switch (type) {
    case F16: ((f16 *)p)[index] = narrow<f16>(v); break;
    case BF16: ((bf16 *)p)[index] = narrow<bf16>(v); break;
    default: ((float *)p)[index] = v;
  }
}

/// A row of a matrix whose type is known.
template <class T>
INLINE T *row_of(const martlet_gpu_rows &rows, i64 row) {
  return (T *)rows.base + row * rows.stride;
}

/// out = combine(a, b), element by element of rows.
template <class T, class COMBINE>
INLINE void combine_rows(const martlet_gpu_elementwise &a, COMBINE combine) {
  const i64 chunks = (a.width + CHUNK - 1) / CHUNK, total = a.count * chunks;
  for (i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x; i < total; i += (i64)gridDim.x * blockDim.x) {
    const i64 row = i / chunks;
    const int column = (int)(i - row * chunks) * CHUNK, n = a.width - column;
    float left[CHUNK], right[CHUNK];
    load(row_of<T>(a.a, row) + column, n, a.a.aligned, left);
    load(row_of<T>(a.b, row) + column, n, a.b.aligned, right);
#pragma unroll
    for (int k = 0; k < CHUNK; k++) left[k] = combine(left[k], right[k]);
    store(row_of<T>(a.out, row) + column, n, a.out.aligned, left);
  }
}

/// Makes a kernel of a template for each type of activations: NAME_f32, NAME_f16 and NAME_bf16.
#define FOR_FLOAT_TYPES(NAME, THREADS, ARGUMENT)                      \
  KERNEL(THREADS) NAME##_f32(const ARGUMENT a) { NAME<float>(a); }    \
  KERNEL(THREADS) NAME##_f16(const ARGUMENT a) { NAME<f16>(a); }      \
  KERNEL(THREADS) NAME##_bf16(const ARGUMENT a) { NAME<bf16>(a); }
