// Vectors of 16 lanes in the compiler's own notation, so that one source serves every instruction set: the compiler
// splits a vector over as many registers as it takes. A level file defines MARTLET_HAS_F16C, MARTLET_HAS_FMA and
// friends before it includes the loops.
#pragma once

#include <math.h>
#include <string.h>

#include "martlet_simd.h"

// Products and sums are fused only where `multiply_add` says so: results must not depend on what a compiler finds.
#pragma STDC FP_CONTRACT OFF

// Vectors are handed only to functions that are inlined, so how an ABI would pass them does not matter.
#pragma clang diagnostic ignored "-Wpsabi"

// 32 registers that hold 16 lanes each.
#ifndef MARTLET_HAS_WIDE_REGISTERS
#define MARTLET_HAS_WIDE_REGISTERS 0
#endif
#ifndef MARTLET_HAS_BF16
#define MARTLET_HAS_BF16 0
#endif

#define LANES 16
#define INLINE static inline __attribute__((always_inline))

typedef float f32x16 __attribute__((vector_size(64)));
typedef float f32x8 __attribute__((vector_size(32)));
typedef float f32x4 __attribute__((vector_size(16)));
typedef int32_t i32x16 __attribute__((vector_size(64)));
typedef int32_t i32x8 __attribute__((vector_size(32)));
typedef int32_t i32x4 __attribute__((vector_size(16)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));
typedef uint16_t u16x16 __attribute__((vector_size(32)));
typedef int8_t i8x16 __attribute__((vector_size(16)));
typedef _Float16 f16x16 __attribute__((vector_size(32)));

INLINE f32x16 splat(float x) { return (f32x16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }
INLINE i32x16 isplat(int32_t x) { return (i32x16){x, x, x, x, x, x, x, x, x, x, x, x, x, x, x, x}; }

INLINE f32x16 select(i32x16 mask, f32x16 yes, f32x16 no) {
  return (f32x16)((mask & (i32x16)yes) | (~mask & (i32x16)no));
}

/// `a * b + c`, fused where the instruction set can.
INLINE f32x16 multiply_add(f32x16 a, f32x16 b, f32x16 c) {
#if MARTLET_HAS_FMA
  return __builtin_elementwise_fma(a, b, c);
#else
  return a * b + c;
#endif
}

/// Adds the lanes in a fixed order: halves, quarters, eighths.
INLINE float sum_lanes(f32x16 v) {
  const f32x8 a = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) +
                  __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  const f32x4 b = __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
  return (b[0] + b[2]) + (b[1] + b[3]);
}

INLINE int32_t max_lanes_of_integers(i32x16 v) {
  const i32x8 a = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7);
  const i32x8 b = __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  const i32x8 c = __builtin_elementwise_max(a, b);
  const i32x4 d = __builtin_elementwise_max(
      __builtin_shufflevector(c, c, 0, 1, 2, 3), __builtin_shufflevector(c, c, 4, 5, 6, 7));
  const int32_t one = d[0] > d[1] ? d[0] : d[1], other = d[2] > d[3] ? d[2] : d[3];
  return one > other ? one : other;
}

INLINE float max_lanes(f32x16 v) {
  float best = v[0];
  for (int i = 1; i < LANES; i++) best = v[i] > best ? v[i] : best;
  return best;
}

/// The largest magnitude of 32 numbers; NaN counts as larger than infinity.
INLINE float largest_magnitude(f32x16 a, f32x16 b) {
  // Magnitudes compare like their bits.
  const i32x16 one = (i32x16)a & 0x7fffffff, other = (i32x16)b & 0x7fffffff;
  const i32x16 larger = (one & (i32x16)(one > other)) | (other & (i32x16)(one <= other));
  return ((f32x16)isplat(max_lanes_of_integers(larger)))[0];
}

// Half precision. Without the processor's own conversion it is done on the bits.
INLINE f32x16 f16_to_f32(u16x16 h) {
#if MARTLET_HAS_F16C
  return __builtin_convertvector((f16x16)h, f32x16);
#else
  u32x16 w = __builtin_convertvector(h, u32x16);
  u32x16 sign = (w & 0x8000) << 16;
  u32x16 magnitude = w & 0x7fff;
  // Normal numbers: move the exponent's bias from 15 to 127. Infinities and NaNs: to 255. Subnormals: by arithmetic.
  f32x16 normal = (f32x16)((magnitude << 13) + (112u << 23));
  f32x16 special = (f32x16)((magnitude << 13) + (224u << 23));
  f32x16 subnormal = __builtin_convertvector((i32x16)magnitude, f32x16) * splat(0x1p-24f);
  f32x16 value = select((i32x16)(magnitude < 0x0400), subnormal, normal);
  value = select((i32x16)(magnitude >= 0x7c00), special, value);
  return (f32x16)((u32x16)value | sign);
#endif
}

INLINE u16x16 f32_to_f16(f32x16 x) {
#if MARTLET_HAS_F16C
  return (u16x16)__builtin_convertvector(x, f16x16);
#else
  u32x16 w = (u32x16)x;
  u32x16 sign = (w >> 16) & 0x8000;
  u32x16 magnitude = w & 0x7fffffff;
  // Adding 2^-1 to a number below 2^-14 leaves its rounded half-precision mantissa in the low bits.
  f32x16 shifted = (f32x16)magnitude + splat(0.5f);
  u32x16 subnormal = (u32x16)shifted - 0x3f000000;
  u32x16 normal = (magnitude + 0xfff + ((magnitude >> 13) & 1) - (112u << 23)) >> 13;
  u32x16 result = (u32x16)select((i32x16)(magnitude < (113u << 23)), (f32x16)subnormal, (f32x16)normal);
  i32x16 overflow = (i32x16)(magnitude >= 0x477ff000);
  result = (u32x16)select(overflow, (f32x16)isplat(0x7c00), (f32x16)result);
  u32x16 nan = 0x7e00 | ((magnitude >> 13) & 0x3ff);
  result = (u32x16)select((i32x16)(magnitude > 0x7f800000), (f32x16)nan, (f32x16)result);
  return __builtin_convertvector(result | sign, u16x16);
#endif
}

INLINE f32x16 bf16_to_f32(u16x16 h) { return (f32x16)(__builtin_convertvector(h, u32x16) << 16); }

INLINE u16x16 f32_to_bf16(f32x16 x) {
  u32x16 w = (u32x16)x;
  u32x16 rounded = (w + 0x7fff + ((w >> 16) & 1)) >> 16;
  u32x16 quiet = (w >> 16) | 0x40;
  i32x16 is_nan = x != x;
  return __builtin_convertvector((u32x16)select(is_nan, (f32x16)quiet, (f32x16)rounded), u16x16);
}

INLINE size_t type_size(const int type) { return type == MARTLET_F32 ? 4 : 2; }

/// 16 elements from element `i` on.
INLINE f32x16 load(const int type, const void *p, size_t i) {
  if (type == MARTLET_F32) {
    f32x16 v;
    memcpy(&v, (const float *)p + i, sizeof v);
    return v;
  }
  u16x16 h;
  memcpy(&h, (const uint16_t *)p + i, sizeof h);
  return type == MARTLET_F16 ? f16_to_f32(h) : bf16_to_f32(h);
}

INLINE void store(const int type, void *p, size_t i, f32x16 v) {
  if (type == MARTLET_F32) {
    memcpy((float *)p + i, &v, sizeof v);
  } else {
    u16x16 h = type == MARTLET_F16 ? f32_to_f16(v) : f32_to_bf16(v);
    memcpy((uint16_t *)p + i, &h, sizeof h);
  }
}

/// `count` < 16 elements; the other lanes are zero.
INLINE f32x16 load_tail(const int type, const void *p, size_t i, size_t count) {
  _Alignas(64) char buffer[64] = {0};
  memcpy(buffer, (const char *)p + i * type_size(type), count * type_size(type));
  return load(type, buffer, 0);
}

INLINE void store_tail(const int type, void *p, size_t i, f32x16 v, size_t count) {
  _Alignas(64) char buffer[64];
  store(type, buffer, 0, v);
  memcpy((char *)p + i * type_size(type), buffer, count * type_size(type));
}

INLINE f32x16 load_some(const int type, const void *p, size_t i, size_t count) {
  return count >= LANES ? load(type, p, i) : load_tail(type, p, i, count);
}

INLINE void store_some(const int type, void *p, size_t i, f32x16 v, size_t count) {
  if (count >= LANES) store(type, p, i, v);
  else store_tail(type, p, i, v, count);
}

/// Rounds to a type and back.
INLINE f32x16 rounded(const int type, f32x16 v) {
  if (type == MARTLET_F16) return f16_to_f32(f32_to_f16(v));
  if (type == MARTLET_BF16) return bf16_to_f32(f32_to_bf16(v));
  return v;
}

/// `x * 2^n` for whole numbers `n` from -150 to 129, rounded once.
INLINE f32x16 scaled(f32x16 x, f32x16 n) {
#if MARTLET_HAS_WIDE_REGISTERS
  return (f32x16)_mm512_scalef_ps((__m512)x, (__m512)n);
#else
  // In two steps, so that subnormal results come out right.
  i32x16 exponent = __builtin_convertvector(n, i32x16);
  i32x16 half = exponent >> 1;
  f32x16 first = (f32x16)((half + 127) << 23);
  f32x16 second = (f32x16)((exponent - half + 127) << 23);
  return x * first * second;
#endif
}

/// e^x with an error of about one unit in the last place: x = n ln 2 + r, and a polynomial for e^r (the Taylor series
/// to degree 7 on |r| <= 0.35, whose remainder is below 6e-9). Values below -104 give 0, above 89 infinity.
INLINE f32x16 exponential(f32x16 x) {
  x = select((i32x16)(x < splat(-104.0f)), splat(-104.0f), x);
  x = select((i32x16)(x > splat(89.0f)), splat(89.0f), x);
  const f32x16 magic = splat(0x1.8p23f);
  f32x16 n = multiply_add(x, splat(0x1.715476p+0f), magic) - magic;
  f32x16 r = multiply_add(n, splat(-0x1.62e400p-1f), x);
  r = multiply_add(n, splat(-0x1.7f7d1cp-20f), r);
  f32x16 p = splat(0x1.a01a02p-13f);
  p = multiply_add(p, r, splat(0x1.6c16c2p-10f));
  p = multiply_add(p, r, splat(0x1.111112p-7f));
  p = multiply_add(p, r, splat(0x1.555556p-5f));
  p = multiply_add(p, r, splat(0x1.555556p-3f));
  p = multiply_add(p, r, splat(0.5f));
  p = multiply_add(p, r, splat(1.0f));
  p = multiply_add(p, r, splat(1.0f));
  return scaled(p, n);
}

/// Calls a loop with its element type as a constant, so that the compiler makes one version a type.
#define FOR_TYPE(type, CALL)                         \
  switch (type) {                                    \
    case MARTLET_F32: { enum { T = MARTLET_F32 }; CALL; } break;   \
    case MARTLET_F16: { enum { T = MARTLET_F16 }; CALL; } break;   \
    case MARTLET_BF16: { enum { T = MARTLET_BF16 }; CALL; } break; \
    default: __builtin_trap();                       \
  }
