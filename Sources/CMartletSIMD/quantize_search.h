// The search for the scale (and offset) of a group of weights, shared by all block formats.
//
// A group x is stored as integers q with x ≈ scale * q + offset. For given q the best scale and offset follow from
// weighted least squares; for given scale and offset the best q is the nearest integer. A round of the search does one
// after the other for 16 candidates at once, one a lane: no sum across lanes is needed, and rounds only ever improve
// a candidate. Errors are weighted with the weights' size, as ggml's quantisers do, because a large weight's error costs a
// model more.
#pragma once

#define MARTLET_HAS_FMA 0
#define MARTLET_HAS_F16C 0
#include "vector.h"

/// Groups of which nothing is larger become zeros: f16, the type of scales, ends at 2^-24.
#define NEGLIGIBLE 0x1p-30f

/// Rounds to the nearest integer, ties to even; |x| must be below 2^22.
INLINE f32x16 round_lanes(f32x16 x) { return (x + splat(0x1.8p23f)) - splat(0x1.8p23f); }

// Comparisons rather than the elementwise minimum, whose care for NaN costs more than all the rest of a round.
INLINE f32x16 clamp_lanes(f32x16 x, float low, float high) {
  x = select(x < splat(low), splat(low), x);
  return select(x > splat(high), splat(high), x);
}

/// The nearest integer within `low...high`.
INLINE int nearest(float x, int low, int high) {
  x = x > (float)low ? x : (float)low;
  x = x < (float)high ? x : (float)high;
  return (int)((x + 0x1.8p23f) - 0x1.8p23f);
}

/// The first lane with the largest value.
INLINE int best_lane(f32x16 v) {
  int best = 0;
  for (int i = 1; i < LANES; i++)
    if (v[i] > v[best]) best = i;
  return best;
}

INLINE uint16_t half_bits(float x) { return f32_to_f16(splat(x))[0]; }

/// Stores `x` as f16, and its exact value in `stored`. Returns false if it is too large.
INLINE bool put_half(uint8_t *at, float x, float *stored) {
  uint16_t bits = half_bits(x);
  memcpy(at, &bits, 2);
  *stored = f16_to_f32((u16x16){bits})[0];
  return (bits & 0x7c00) != 0x7c00;
}

/// Magnitudes, weights of errors and the largest magnitude of a group. The group is divided by `largest`, so that no
/// sum over it can overflow or lose its small terms.
typedef struct {
  float x[32];
  float weight[32];
  float largest;  ///< 0 for a group of zeros
  int count;      ///< 16 or 32
} group;

INLINE void make_group(const float *x, int count, bool by_square, group *out) {
  float largest = 0, square = 0;
  for (int i = 0; i < count; i++) largest = fabsf(x[i]) > largest ? fabsf(x[i]) : largest;
  out->count = count;
  out->largest = largest > NEGLIGIBLE ? largest : 0;
  const float inverse = largest > NEGLIGIBLE ? 1 / largest : 0;
  for (int i = 0; i < count; i++) {
    out->x[i] = x[i] * inverse;
    square += out->x[i] * out->x[i];
  }
  const float mean = sqrtf(square / (float)count);
  for (int i = 0; i < count; i++)
    out->weight[i] = by_square ? out->x[i] * out->x[i] : mean + fabsf(out->x[i]);
}

/// The best scale for integers `-levels..<levels`, of either sign: 0 for a group of zeros.
INLINE float search_scale(const group *g, int levels, int rounds) {
  if (g->largest == 0) return 0;
  int place = 0;
  for (int i = 1; i < g->count; i++)
    if (fabsf(g->x[i]) > fabsf(g->x[place])) place = i;
  // The largest weight at the lowest integer, of which there is one more, or some fractions of a step beside it; and at
  // the highest.
  f32x16 inverse;
  for (int i = 0; i < LANES; i++) {
    const float reach = i < 12 ? -((float)levels + 0.16f * (float)(i - 7)) : (float)levels - 1 + 0.25f * (float)(i - 13);
    inverse[i] = reach / g->x[place];
  }
  f32x16 best_gain = splat(0), best_scale = splat(0);
  for (int round = 0; round < rounds; round++) {
    f32x16 xq = splat(0), qq = splat(0);
    for (int i = 0; i < g->count; i++) {
      const f32x16 x = splat(g->x[i]);
      const f32x16 q = round_lanes(clamp_lanes(x * inverse, (float)-levels, (float)(levels - 1)));
      const f32x16 wq = splat(g->weight[i]) * q;
      xq += wq * x;
      qq += wq * q;
    }
    const i32x16 sound = qq > 0;
    const f32x16 scale = xq / select(sound, qq, splat(1));
    const f32x16 gain = select(sound, scale * xq, splat(0));
    const i32x16 better = gain > best_gain;
    best_gain = select(better, gain, best_gain);
    best_scale = select(better, scale, best_scale);
    // A lane without a scale stays where it is.
    inverse = select((scale > 0) | (scale < 0), splat(1) / select((scale > 0) | (scale < 0), scale, splat(1)), inverse);
  }
  return best_scale[best_lane(best_gain)] * g->largest;
}

/// The best scale (0 or more) and offset for integers `0...levels`. `not_above_zero` keeps the offset from being positive,
/// as formats that store it without a sign need.
INLINE void search_scale_and_offset(const group *g, int levels, bool not_above_zero, int rounds, float *scale_out,
                                    float *offset_out) {
  float low = g->x[0], high = g->x[0];
  for (int i = 1; i < g->count; i++) {
    low = g->x[i] < low ? g->x[i] : low;
    high = g->x[i] > high ? g->x[i] : high;
  }
  if (not_above_zero && low > 0) low = 0;
  *scale_out = 0;
  *offset_out = low * g->largest;
  if (g->largest == 0 || high - low <= 0x1p-20f) return;
  // Sums are taken of the distances from `low`, so that a narrow group far from zero loses nothing.
  const f32x16 ceiling = splat(not_above_zero ? -low : 2);
  f32x16 inverse, offset = splat(0);
  for (int i = 0; i < LANES; i++) inverse[i] = ((float)levels - 1 + 0.14f * (float)i) / (high - low);
  float sum_w = 0, sum_x = 0;
  for (int i = 0; i < g->count; i++) {
    sum_w += g->weight[i];
    sum_x += g->weight[i] * (g->x[i] - low);
  }
  f32x16 best_gain = splat(-1), best_scale = splat(0), best_offset = splat(0);
  for (int round = 0; round < rounds; round++) {
    f32x16 sum_q = splat(0), sum_qq = splat(0), sum_xq = splat(0);
    for (int i = 0; i < g->count; i++) {
      const f32x16 x = splat(g->x[i] - low);
      const f32x16 q = round_lanes(clamp_lanes((x - offset) * inverse, 0, (float)levels));
      const f32x16 wq = splat(g->weight[i]) * q;
      sum_q += wq;
      sum_qq += wq * q;
      sum_xq += wq * x;
    }
    const f32x16 determinant = splat(sum_w) * sum_qq - sum_q * sum_q;
    const i32x16 is_spread = determinant > splat(0x1p-20f) * splat(sum_w) * sum_qq;
    const f32x16 divisor = select(is_spread, determinant, splat(1));
    const f32x16 square = select(sum_qq > 0, sum_qq, splat(1));
    // Where all integers are alike, one line through them is as good as another: the offset stays.
    f32x16 scale = select(is_spread, (splat(sum_w) * sum_xq - splat(sum_x) * sum_q) / divisor,
                          (sum_xq - offset * sum_q) / square);
    f32x16 shift = select(is_spread, (splat(sum_x) * sum_qq - sum_q * sum_xq) / divisor, offset);
    // Where the offset would be positive it is 0, which is `ceiling` above `low`, and the scale is fitted to that.
    const i32x16 above = shift > ceiling;
    scale = select(above, (sum_xq - ceiling * sum_q) / square, scale);
    shift = select(above, ceiling, shift);
    // What of the weighted squares the fit explains: the error is a constant minus this.
    f32x16 gain = splat(2) * (scale * sum_xq + shift * splat(sum_x));
    gain -= scale * scale * sum_qq + splat(2) * scale * shift * sum_q + shift * shift * splat(sum_w);
    const i32x16 usable = (sum_qq > 0) & (scale > 0);
    const i32x16 better = usable & (gain > best_gain);
    best_gain = select(better, gain, best_gain);
    best_scale = select(better, scale, best_scale);
    best_offset = select(better, shift, best_offset);
    inverse = select(usable, splat(1) / select(usable, scale, splat(1)), inverse);
    offset = select(usable, shift, offset);
  }
  const int best = best_lane(best_gain);
  if (best_scale[best] == 0) return;
  *scale_out = best_scale[best] * g->largest;
  *offset_out = (low + best_offset[best]) * g->largest;
  if (not_above_zero && *offset_out > 0) *offset_out = 0;
}
