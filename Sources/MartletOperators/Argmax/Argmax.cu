// The first of the largest elements, a block a row. Spills: none.

INLINE void keep_better(int &best, int &place, int other, int other_place) {
  if (other > best || (other == best && other_place < place)) {
    best = other;
    place = other_place;
  }
}

template <class T>
INLINE void argmax(const martlet_gpu_argmax &a) {
  __shared__ int bests[1024 / GROUP], places[1024 / GROUP];
  const T *x = row_of<T>(a.x, blockIdx.x);
  int best = 0x80000000, place = 0x7fffffff;
  for (int column = threadIdx.x * CHUNK; column < a.width; column += blockDim.x * CHUNK) {
    float v[CHUNK];
    load(x + column, a.width - column, a.x.aligned, v);
#pragma unroll
    for (int k = 0; k < CHUNK; k++)
      if (column + k < a.width) keep_better(best, place, order_of(v[k]), column + k);
  }
#pragma unroll
  for (int mask = GROUP / 2; mask > 0; mask /= 2) {
    const int other = from_lane_xor(best, mask), other_place = from_lane_xor(place, mask);
    keep_better(best, place, other, other_place);
  }
  if (lane_index() == 0) {
    bests[group_index()] = best;
    places[group_index()] = place;
  }
  __syncthreads();
  if (threadIdx.x > 0) return;
  for (int i = 1; i < blockDim.x / GROUP; i++) keep_better(best, place, bests[i], places[i]);
  if (a.wide_index) {
    ((i64 *)a.index)[blockIdx.x] = place;
  } else {
    ((int *)a.index)[blockIdx.x] = place;
  }
  ((T *)a.value)[blockIdx.x] = x[place];
}
FOR_FLOAT_TYPES(argmax, 1024, martlet_gpu_argmax)
