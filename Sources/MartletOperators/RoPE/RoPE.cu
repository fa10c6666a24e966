// Rotary positions: of heads, and the table of a step's cosines and sines. The sine of a large angle needs local memory.

template <class T>
INLINE void rope(const martlet_gpu_rope &a) {
  for (i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x; i < a.count; i += (i64)gridDim.x * blockDim.x) {
    const int index = (int)(i % a.pairs), pair = a.first + index;
    const i64 unit = i / a.pairs;
    const int head = (int)(unit % a.heads);
    const i64 token = unit / a.heads;
    const i64 position = a.wide_positions ? ((const i64 *)a.positions)[token] : ((const int *)a.positions)[token];
    const float speed = a.frequencies[index];
    const float angle = a.quotients ? (float)position / speed : (float)position * speed;
    const float cosine = cosf(angle), sine = sinf(angle);
    const T *x = (const T *)a.x + token * a.x_strides[0] + head * a.x_strides[1] + pair;
    T *out = (T *)a.out + token * a.out_strides[0] + head * a.out_strides[1] + pair;
    const float first = widen(x[0]), second = widen(x[a.half]);
    out[0] = narrow<T>(first * cosine - second * sine);
    out[a.half] = narrow<T>(second * cosine + first * sine);
  }
}
FOR_FLOAT_TYPES(rope, 256, martlet_gpu_rope)

KERNEL(256) rotations(const martlet_gpu_rotations a) {
  for (i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x; i < a.count; i += (i64)gridDim.x * blockDim.x) {
    const int pair = (int)(i % a.half);
    const i64 token = i / a.half;
    const double length = a.lengths ? (double)a.lengths[token] : 0.0;
    float frequency = a.frequencies[pair];
    if (length > a.context) {
      const double dimension = 2.0 * a.half, stretch = a.factor * length / a.context - (a.factor - 1);
      const double base = a.theta * pow(stretch, dimension / (dimension - 2));
      frequency = 1.0f / (float)pow(base, (double)((float)(2 * pair) / (float)(2 * a.half)));
    }
    const float angle = (float)a.positions[token] * frequency;
    float *row = a.out + token * 2 * a.half;
    row[pair] = cosf(angle) * a.amplitude;
    row[a.half + pair] = sinf(angle) * a.amplitude;
  }
}
