// Elementwise sum. Spills: none.

template <class T>
INLINE void add(const martlet_gpu_elementwise &a) {
  combine_rows<T>(a, [](float left, float right) { return left + right; });
}
FOR_FLOAT_TYPES(add, 256, martlet_gpu_elementwise)
