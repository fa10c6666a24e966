// Root-mean-square normalisation, a block a row; with a residual, x is added to it first. Spills: none.

template <class T, bool ADDS>
INLINE void normalize(const martlet_gpu_norm &a) {
  __shared__ float scratch[1024 / GROUP];
  const i64 row = blockIdx.x;
  const T *x = row_of<T>(a.x, row);
  T *residual = ADDS ? row_of<T>(a.residual, row) : (T *)x;
  const bool residual_aligned = ADDS ? a.residual.aligned : a.x.aligned;
  float squares = 0;
  for (int column = threadIdx.x * CHUNK; column < a.width; column += blockDim.x * CHUNK) {
    const int n = a.width - column;
    float v[CHUNK];
    load((const T *)residual + column, n, residual_aligned, v);
    if (ADDS) {
      float added[CHUNK];
      load(x + column, n, a.x.aligned, added);
#pragma unroll
      for (int k = 0; k < CHUNK; k++) v[k] = rounded<T>(v[k] + added[k]);
      store(residual + column, n, residual_aligned, v);
    }
#pragma unroll
    for (int k = 0; k < CHUNK; k++) squares = fmaf(v[k], v[k], squares);
  }
  const float scale = 1.0f / sqrtf(sum_block(squares, scratch) / (float)a.width + a.epsilon);
  // Each thread reads again what it read or wrote itself.
  for (int column = threadIdx.x * CHUNK; column < a.width; column += blockDim.x * CHUNK) {
    const int n = a.width - column;
    float v[CHUNK], weight[CHUNK];
    load((const T *)residual + column, n, residual_aligned, v);
    load(a.weight.type, a.weight.base, column, n, a.weight.aligned, weight);
#pragma unroll
    for (int k = 0; k < CHUNK; k++) v[k] = rounded<T>(v[k] * scale) * weight[k];
    store(row_of<T>(a.out, row) + column, n, a.out.aligned, v);
  }
}

template <class T>
INLINE void rms_norm(const martlet_gpu_norm &a) {
  normalize<T, false>(a);
}
template <class T>
INLINE void add_rms_norm(const martlet_gpu_norm &a) {
  normalize<T, true>(a);
}
FOR_FLOAT_TYPES(rms_norm, 1024, martlet_gpu_norm)
FOR_FLOAT_TYPES(add_rms_norm, 1024, martlet_gpu_norm)
