// What a device is, by the words of its own compiler: asked before anything else is compiled for it, since the lanes of a wave
// decide on how. It stands alone, without what stands before other kernels. Spills: none.

/// out: the lanes of a wave, and the number of the architecture where the compiler has one.
extern "C" __global__ void __launch_bounds__(64) identify(int *const out) {
  if (threadIdx.x > 0) return;
  out[0] = warpSize;
#if defined(__MACA_ARCH__)
  out[1] = __MACA_ARCH__;
#else
  out[1] = 0;
#endif
}
