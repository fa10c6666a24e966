// The block formats of ggml (ggml-common.h), eight neighbouring elements at a time.

INLINE constexpr int block_size(int type) { return type >= Q4_K ? 256 : type >= Q8_0 ? 32 : 1; }
INLINE constexpr int block_bytes(int type) {
  return type == Q8_0   ? 34
         : type == Q4_0 ? 18
         : type == Q4_1 ? 20
         : type == Q5_0 ? 22
         : type == Q5_1 ? 24
         : type == Q4_K ? 144
         : type == Q5_K ? 176
         : type == Q6_K ? 210
         : type == F32  ? 4
                        : 2;
}

INLINE float half_at(const u8 *p) { return widen(*(const f16 *)p); }

/// Four bytes from an even address.
INLINE u32 word_at(const u8 *p) { return ((const u16 *)p)[0] | (u32)((const u16 *)p)[1] << 16; }

/// Bit i of the low four becomes bit 4 of byte i.
INLINE u32 spread_to_fifth(u32 bits) {
  return (bits & 1) << 4 | (bits & 2) << 11 | (bits & 4) << 18 | (bits & 8) << 25;
}

/// The 6-bit scale and minimum of sub-block `i` of Q4_K and Q5_K, packed in 12 bytes.
INLINE void scale_and_minimum(const u8 *p, int i, int &scale, int &minimum) {
  if (i < 4) {
    scale = p[i] & 63;
    minimum = p[i + 4] & 63;
  } else {
    scale = (p[i + 4] & 15) | (p[i - 4] >> 6) << 4;
    minimum = (p[i + 4] >> 4) | (p[i] >> 6) << 4;
  }
}

/// Elements `i ..< i + 8` of a block, `i` a multiple of 8: signed bytes, four a word, so that an element is
/// `scale * quant + minimum`.
template <int TYPE>
INLINE void quants_at(const u8 *block, int i, u32 *quants, float &scale, float &minimum) {
  minimum = 0;
  if (TYPE == Q8_0) {
    scale = half_at(block);
    quants[0] = word_at(block + 2 + i);
    quants[1] = word_at(block + 6 + i);
  } else if (TYPE == Q4_K || TYPE == Q5_K) {
    const int sub = i / 32, j = i % 32;
    int s, m;
    scale_and_minimum(block + 4, sub, s, m);
    scale = half_at(block) * (float)s;
    minimum = -(half_at(block + 2) * (float)m);
    const u32 *low = (const u32 *)(block + (TYPE == Q5_K ? 48 : 16) + sub / 2 * 32 + j);
    const u32 *high = (const u32 *)(block + 16 + j);
#pragma unroll
    for (int k = 0; k < 2; k++) {
      quants[k] = low[k] >> (sub % 2 * 4) & 0x0f0f0f0f;
      if (TYPE == Q5_K) quants[k] |= (high[k] >> sub & 0x01010101) << 4;
    }
  } else if (TYPE == Q6_K) {
    const int half = i / 128, quarter = i % 128 / 32, j = i % 32;
    scale = half_at(block + 208) * (float)((const signed char *)block)[192 + i / 16];
    const u8 *low = block + half * 64 + quarter % 2 * 32 + j, *high = block + 128 + half * 32 + j;
#pragma unroll
    for (int k = 0; k < 2; k++) {
      const u32 value = (word_at(low + 4 * k) >> (quarter / 2 * 4) & 0x0f0f0f0f) |
                        (word_at(high + 4 * k) >> (2 * quarter) & 0x03030303) << 4;
      quants[k] = (value + 0x60606060) ^ 0x80808080;  // less 32, byte by byte
    }
  } else {
    const bool has_minimum = TYPE == Q4_1 || TYPE == Q5_1, has_fifth = TYPE == Q5_0 || TYPE == Q5_1;
    scale = half_at(block);
    if (has_minimum) minimum = half_at(block + 2);
    const u8 *after = block + (has_minimum ? 4 : 2);
    const u32 fifths = has_fifth ? word_at(after) >> i : 0;
    const u8 *nibbles = after + (has_fifth ? 4 : 0) + i % 16;
#pragma unroll
    for (int k = 0; k < 2; k++) {
      u32 value = word_at(nibbles + 4 * k) >> (i / 16 * 4) & 0x0f0f0f0f;
      if (has_fifth) value |= spread_to_fifth(fifths >> (4 * k));
      // Less 8 or 16, byte by byte, where there is no minimum.
      quants[k] = has_minimum ? value : has_fifth ? (value + 0x70707070) ^ 0x80808080 : (value + 0x78787878) ^ 0x80808080;
    }
  }
}

/// Eight elements at their exact values: products and sums are rounded one by one, as on every device.
template <int TYPE>
INLINE void dequantize(const u8 *block, int i, float *v) {
  u32 quants[2];
  float scale, minimum;
  quants_at<TYPE>(block, i, quants, scale, minimum);
  const bool has_minimum = TYPE == Q4_1 || TYPE == Q5_1 || TYPE == Q4_K || TYPE == Q5_K;
#pragma unroll
  for (int k = 0; k < CHUNK; k++) {
    const float product = __fmul_rn(scale, (float)(signed char)(quants[k / 4] >> (8 * (k % 4))));
    v[k] = has_minimum ? __fadd_rn(product, minimum) : product;
  }
}

/// Elements `column ..< column + 8` of a row of any weight type; a multiple of 8 for blocks.
INLINE void load_weights(int type, const u8 *row, i64 column, int n, bool aligned, float *v) {
#define BLOCKS(TYPE)                                                                                                     \
  case TYPE:                                                                                                             \
    dequantize<TYPE>(row + column / block_size(TYPE) * block_bytes(TYPE), (int)(column % block_size(TYPE)), v); \
    break;
  switch (type) {
    BLOCKS(Q8_0)
    BLOCKS(Q4_0)
    BLOCKS(Q4_1)
    BLOCKS(Q5_0)
    BLOCKS(Q5_1)
    BLOCKS(Q4_K)
    BLOCKS(Q5_K)
    BLOCKS(Q6_K)
    default: load(type, row, column, n, aligned, v);
  }
#undef BLOCKS
}

/// A row of any weight type.
INLINE const u8 *weight_row(const martlet_gpu_rows &rows, i64 row) {
  return (const u8 *)rows.base + row * rows.stride / block_size(rows.type) * block_bytes(rows.type);
}

/// Four products of signed bytes, added.
INLINE int dot4(u32 a, u32 b, int sum) {
#if defined(MT_PLATFORM_NVIDIA)
  return __dp4a((int)a, (int)b, sum);
#else
  for (int k = 0; k < 32; k += 8) sum += (int)(signed char)(a >> k) * (int)(signed char)(b >> k);
  return sum;
#endif
}

/// Adds the products of a group of 32 columns with activations in 8 bits: their low and high 16, and their scale and that
/// times their sum. Only Q6_K has two scales in 32 columns.
template <int TYPE>
INLINE float add_group(
    float sum, const u32 *quants, const float *scale, float minimum, uint4 low, uint4 high, float2 x_scale) {
  const int left = dot4(quants[0], low.x, dot4(quants[1], low.y, dot4(quants[2], low.z, dot4(quants[3], low.w, 0))));
  const int right = dot4(quants[4], high.x, dot4(quants[5], high.y, dot4(quants[6], high.z, dot4(quants[7], high.w, 0))));
  const float products = TYPE == Q6_K ? scale[0] * (float)left + scale[1] * (float)right : scale[0] * (float)(left + right);
  sum = fmaf(x_scale.x, products, sum);
  return TYPE == Q4_1 || TYPE == Q5_1 || TYPE == Q4_K || TYPE == Q5_K ? fmaf(x_scale.y, minimum, sum) : sum;
}
