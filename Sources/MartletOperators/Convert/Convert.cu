// Rows of one type, all of them or those that ids name, as rows of another. Spills: none.

INLINE i64 source_row(const martlet_gpu_lookup &a, i64 row) {
  if (!a.ids) return row;
  return a.wide_ids ? ((const i64 *)a.ids)[row] : ((const int *)a.ids)[row];
}

KERNEL(256) convert(const martlet_gpu_lookup a) {
  const i64 chunks = (a.width + CHUNK - 1) / CHUNK, total = a.count * chunks;
  for (i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x; i < total; i += (i64)gridDim.x * blockDim.x) {
    const i64 row = i / chunks, from = source_row(a, row);
    const int column = (int)(i - row * chunks) * CHUNK, n = a.width - column;
    float v[CHUNK];
    if (from >= 0 && from < a.table) {
      load_weights(a.x.type, weight_row(a.x, from), column, n, a.x.aligned, v);
    } else {
      // Ids are checked where they come in; one that slipped through must show and not read beyond the table.
#pragma unroll
      for (int k = 0; k < CHUNK; k++) v[k] = __int_as_float(0x7fc00000);
    }
    store(a.out.type, a.out.base, row * a.out.stride + column, n, a.out.aligned, v);
  }
}
