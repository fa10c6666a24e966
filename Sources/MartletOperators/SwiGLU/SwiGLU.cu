// The gated unit: a is the gate, b what it gates. Spills: none.

template <class T>
INLINE void swiglu(const martlet_gpu_elementwise &a) {
  combine_rows<T>(a, [](float gate, float up) { return up * rounded<T>(gate / (1.0f + expf(-gate))); });
}
FOR_FLOAT_TYPES(swiglu, 256, martlet_gpu_elementwise)
