// The gated unit: a is the gate, b what it gates. Spills: none.

template <class T>
INLINE void swiglu(const martlet_gpu_elementwise &a) {
  const i64 chunks = (a.width + CHUNK - 1) / CHUNK, total = a.count * chunks;
  for (i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x; i < total; i += (i64)gridDim.x * blockDim.x) {
    const i64 row = i / chunks;
    const int column = (int)(i - row * chunks) * CHUNK, n = a.width - column;
    float gate[CHUNK], up[CHUNK];
    load(row_of<T>(a.a, row) + column, n, a.a.aligned, gate);
    load(row_of<T>(a.b, row) + column, n, a.b.aligned, up);
#pragma unroll
    for (int k = 0; k < CHUNK; k++) up[k] *= rounded<T>(gate[k] / (1.0f + expf(-gate[k])));
    store(row_of<T>(a.out, row) + column, n, a.out.aligned, up);
  }
}
FOR_FLOAT_TYPES(swiglu, 256, martlet_gpu_elementwise)
