// Elementwise sum. Spills: none.

template <class T>
INLINE void add(const martlet_gpu_elementwise &a) {
  const i64 chunks = (a.width + CHUNK - 1) / CHUNK, total = a.count * chunks;
  for (i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x; i < total; i += (i64)gridDim.x * blockDim.x) {
    const i64 row = i / chunks;
    const int column = (int)(i - row * chunks) * CHUNK, n = a.width - column;
    float left[CHUNK], right[CHUNK];
    load(row_of<T>(a.a, row) + column, n, a.a.aligned, left);
    load(row_of<T>(a.b, row) + column, n, a.b.aligned, right);
#pragma unroll
    for (int k = 0; k < CHUNK; k++) left[k] += right[k];
    store(row_of<T>(a.out, row) + column, n, a.out.aligned, left);
  }
}
FOR_FLOAT_TYPES(add, 256, martlet_gpu_elementwise)
