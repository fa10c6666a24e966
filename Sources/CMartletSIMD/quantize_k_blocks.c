// Encoders of the formats with 256 weights a block ("K-quants"): groups whose scales are integers times a scale of the
// whole block.
//
// The groups' scales are found one by one, then put on the grid that the block's scale makes. Of the grid's points around
// each, the one with the least error is taken, and at last the block's scale is fitted once more to all that was chosen.
#include "quantize_blocks.h"

#include "quantize_search.h"

enum { GROUPS = 8, ROUNDS = 3, FITS = 2 };

/// One of the two scales of a block with 6-bit multiples: f16, and never so much rounded down that 63 of it fall
/// short of the largest group's.
static float block_scale(float largest, bool *fits) {
  const float exact = largest / 63;
  uint16_t bits = half_bits(exact);
  float scale = f16_to_f32((u16x16){bits})[0];
  if (scale * 63.5f < largest) scale = f16_to_f32((u16x16){++bits})[0];
  *fits &= (bits & 0x7c00) != 0x7c00;
  return scale;
}

/// What is chosen for a block of Q4_K or Q5_K.
typedef struct {
  float scale, minimum;
  int scales[GROUPS], minimums[GROUPS];  ///< 0...63
  uint8_t q[GROUPS * 32];
  float error;
} k_choice;

/// Takes for each group the multiples of the block's scale and minimum near those wanted that leave the least error, and
/// the integers that follow.
static void choose_multiples(const group *groups, int levels, const float *scales, const float *minimums, k_choice *k) {
  const float per_scale = k->scale > 0 ? 1 / k->scale : 0, per_minimum = k->minimum > 0 ? 1 / k->minimum : 0;
  k->error = 0;
  for (int j = 0; j < GROUPS; j++) {
    const group *g = &groups[j];
    const int near_scale = nearest(scales[j] * per_scale, 0, 63), near_minimum = nearest(minimums[j] * per_minimum, 0, 63);
    f32x16 scale, minimum, inverse, error = splat(0);
    int lane_scales[LANES], lane_minimums[LANES];
    const float unit = g->largest > 0 ? 1 / g->largest : 0;
    for (int i = 0; i < LANES; i++) {
      // Three scales by five minimums; the sixteenth lane repeats the nearest pair.
      const int a = i < 15 ? i / 5 - 1 : 0, b = i < 15 ? i % 5 - 2 : 0;
      lane_scales[i] = near_scale + a < 0 ? 0 : near_scale + a > 63 ? 63 : near_scale + a;
      lane_minimums[i] = near_minimum + b < 0 ? 0 : near_minimum + b > 63 ? 63 : near_minimum + b;
      scale[i] = k->scale * (float)lane_scales[i] * unit;
      minimum[i] = k->minimum * (float)lane_minimums[i] * unit;
      inverse[i] = scale[i] > 0 ? 1 / scale[i] : 0;
    }
    for (int i = 0; i < 32; i++) {
      const f32x16 x = splat(g->x[i]);
      const f32x16 q = round_lanes(clamp_lanes((x + minimum) * inverse, 0, (float)levels));
      const f32x16 difference = scale * q - minimum - x;
      error += splat(g->weight[i]) * difference * difference;
    }
    const int best = best_lane(-error);
    k->scales[j] = lane_scales[best];
    k->minimums[j] = lane_minimums[best];
    k->error += error[best] * g->largest * g->largest * g->largest;
    for (int i = 0; i < 32; i++)
      k->q[j * 32 + i] = (uint8_t)nearest((g->x[i] + minimum[best]) * inverse[best], 0, levels);
  }
}

/// The scale and minimum of the block that suit the multiples and integers chosen best; false if there are none.
static bool fit_block(const group *groups, const k_choice *k, float *scale, float *minimum) {
  double aa = 0, ab = 0, bb = 0, xa = 0, xb = 0;
  for (int j = 0; j < GROUPS; j++) {
    const group *g = &groups[j];
    float w_q = 0, w_qq = 0, w_xq = 0, w = 0, w_x = 0;
    for (int i = 0; i < 32; i++) {
      const float q = (float)k->q[j * 32 + i], wq = g->weight[i] * q;
      w += g->weight[i];
      w_x += g->weight[i] * g->x[i];
      w_q += wq;
      w_qq += wq * q;
      w_xq += wq * g->x[i];
    }
    // Weights of groups are in units of the group's largest, as the values are.
    const double unit = g->largest, square = unit * unit, s = k->scales[j], m = k->minimums[j];
    aa += unit * s * s * (double)w_qq;
    ab += unit * s * m * (double)w_q;
    bb += unit * m * m * (double)w;
    xa += square * s * (double)w_xq;
    xb += square * m * (double)w_x;
  }
  const double determinant = aa * bb - ab * ab;
  if (determinant > 1e-9 * aa * bb) {
    *scale = (float)((xa * bb - xb * ab) / determinant);
    *minimum = (float)((xa * ab - xb * aa) / determinant);
  } else if (aa > 0 && bb == 0) {
    *scale = (float)(xa / aa);
    *minimum = 0;
  } else {
    return false;
  }
  return *scale > 0 && *minimum >= 0;
}

/// The 6-bit multiples of eight groups in 12 bytes: those of the last four share their upper bits with the first.
static void put_multiples(const k_choice *k, uint8_t *out) {
  for (int j = 0; j < 4; j++) {
    out[j] = (uint8_t)(k->scales[j] | (k->scales[j + 4] >> 4) << 6);
    out[j + 4] = (uint8_t)(k->minimums[j] | (k->minimums[j + 4] >> 4) << 6);
    out[j + 8] = (uint8_t)((k->scales[j + 4] & 15) | (k->minimums[j + 4] & 15) << 4);
  }
}

bool martlet_encode_k(const float *x, int levels, uint8_t *block) {
  group groups[GROUPS];
  float scales[GROUPS], minimums[GROUPS], largest_scale = 0, largest_minimum = 0;
  for (int j = 0; j < GROUPS; j++) {
    float offset;
    make_group(x + j * 32, 32, false, &groups[j]);
    search_scale_and_offset(&groups[j], levels, true, ROUNDS, &scales[j], &offset);
    minimums[j] = -offset;
    largest_scale = scales[j] > largest_scale ? scales[j] : largest_scale;
    largest_minimum = minimums[j] > largest_minimum ? minimums[j] : largest_minimum;
  }
  bool fits = true;
  k_choice best;
  best.scale = block_scale(largest_scale, &fits);
  best.minimum = block_scale(largest_minimum, &fits);
  if (!fits) return false;
  choose_multiples(groups, levels, scales, minimums, &best);
  for (int fit = 0; fit < FITS; fit++) {
    k_choice other;
    if (!fit_block(groups, &best, &other.scale, &other.minimum)) break;
    const f32x16 pair = f16_to_f32(f32_to_f16((f32x16){other.scale, other.minimum}));
    other.scale = pair[0];
    other.minimum = pair[1];
    if (!(other.scale < 65504 && other.minimum < 65504)) break;
    choose_multiples(groups, levels, scales, minimums, &other);
    if (!(other.error < best.error)) break;
    best = other;
  }
  float stored;
  put_half(block, best.scale, &stored);
  put_half(block + 2, best.minimum, &stored);
  put_multiples(&best, block + 4);
  uint8_t *high = block + 16, *low = levels == 31 ? block + 48 : block + 16;
  // Groups come in pairs that share 32 bytes: the even one in the low halves, the odd one in the high halves. Fifth bits
  // have a plane of their own, bit j of a byte for group j.
  if (levels == 31) memset(high, 0, 32);
  for (int j = 0; j < GROUPS; j++) {
    for (int i = 0; i < 32; i++) {
      const uint8_t q = best.q[j * 32 + i];
      uint8_t *byte = &low[j / 2 * 32 + i];
      *byte = (uint8_t)(j % 2 ? *byte | (q & 15) << 4 : q & 15);
      if (levels == 31) high[i] |= (uint8_t)((q >> 4) << j);
    }
  }
  return true;
}

/// Takes for each of the 16 groups the multiple of the block's scale near the one wanted that leaves the least error.
/// Returns the error.
static double choose_q6_multiples(const group *groups, float scale, const float *scales, int *multiples, int8_t *q) {
  const float per_scale = scale != 0 ? 1 / scale : 0;
  double total = 0;
  for (int j = 0; j < 16; j++) {
    const group *g = &groups[j];
    const int near = nearest(scales[j] * per_scale, -128, 127);
    const float unit = g->largest > 0 ? 1 / g->largest : 0;
    int lanes[LANES];
    f32x16 step, inverse, error = splat(0);
    for (int i = 0; i < LANES; i++) {
      const int multiple = near + i - 8;
      lanes[i] = multiple < -128 ? -128 : multiple > 127 ? 127 : multiple;
      step[i] = scale * (float)lanes[i] * unit;
      inverse[i] = step[i] != 0 ? 1 / step[i] : 0;
    }
    for (int i = 0; i < 16; i++) {
      const f32x16 x = splat(g->x[i]);
      const f32x16 difference = step * round_lanes(clamp_lanes(x * inverse, -32, 31)) - x;
      error += splat(g->weight[i]) * difference * difference;
    }
    const int best = best_lane(-error);
    multiples[j] = lanes[best];
    const double square = (double)g->largest * (double)g->largest;
    total += (double)error[best] * square * square;
    for (int i = 0; i < 16; i++) q[j * 16 + i] = (int8_t)nearest(g->x[i] * inverse[best], -32, 31);
  }
  return total;
}

bool martlet_encode_q6_k(const float *x, uint8_t *block) {
  group groups[16];
  float scales[16], largest = 0;
  for (int j = 0; j < 16; j++) {
    make_group(x + j * 16, 16, true, &groups[j]);
    scales[j] = search_scale(&groups[j], 32, ROUNDS);
    largest = fabsf(scales[j]) > fabsf(largest) ? scales[j] : largest;
  }
  float scale;
  if (!put_half(block + 208, largest / -128, &scale)) return false;
  int multiples[16], other_multiples[16];
  int8_t q[256], other_q[256];
  double error = choose_q6_multiples(groups, scale, scales, multiples, q);
  for (int fit = 0; fit < FITS; fit++) {
    double xa = 0, aa = 0;
    for (int j = 0; j < 16; j++) {
      const double unit = groups[j].largest, square = unit * unit;
      for (int i = 0; i < 16; i++) {
        const double a = multiples[j] * q[j * 16 + i], weight = square * (double)groups[j].weight[i];
        xa += weight * a * unit * (double)groups[j].x[i];
        aa += weight * a * a;
      }
    }
    if (!(aa > 0)) break;
    uint8_t half[2];
    float other;
    if (!put_half(half, (float)(xa / aa), &other)) break;
    const double other_error = choose_q6_multiples(groups, other, scales, other_multiples, other_q);
    if (!(other_error < error)) break;
    error = other_error;
    memcpy(block + 208, half, 2);
    memcpy(multiples, other_multiples, sizeof multiples);
    memcpy(q, other_q, sizeof q);
  }
  // A half of the block after the other: 64 bytes of nibbles for four quarters, 32 bytes with two upper bits of each.
  for (int half = 0; half < 2; half++) {
    const int8_t *p = q + half * 128;
    for (int i = 0; i < 32; i++) {
      int v[4];
      for (int quarter = 0; quarter < 4; quarter++) v[quarter] = p[quarter * 32 + i] + 32;
      block[half * 64 + i] = (uint8_t)((v[0] & 15) | (v[2] & 15) << 4);
      block[half * 64 + 32 + i] = (uint8_t)((v[1] & 15) | (v[3] & 15) << 4);
      block[128 + half * 32 + i] = (uint8_t)(v[0] >> 4 | (v[1] >> 4) << 2 | (v[2] >> 4) << 4 | (v[3] >> 4) << 6);
    }
  }
  for (int j = 0; j < 16; j++) block[192 + j] = (uint8_t)(int8_t)multiples[j];
  return true;
}
