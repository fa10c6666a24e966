// What kernels take from a device's compiler, for one block after the other whose threads are contexts that take turns: a thread
// runs until it has to wait for others. Orders of turns that differ in results show a barrier that is missing.
#pragma once

#include <functional>

#define __device__
#define __global__
#define __forceinline__ inline
#define __launch_bounds__(...)
// Blocks run one after the other, so they can share; what one leaves behind is what memory holds at the beginning of the next.
#define __shared__ static

namespace emulation {

struct index3 {
  unsigned x, y, z;
};

/// The most threads of a block, and the lanes of a group.
enum { MOST_THREADS = 1024, LANES = 32 };

/// Runs blocks of threads, each of which calls `kernel`; `order` chooses the order of turns.
void run(int blocks, int threads, int order, const std::function<void()> &kernel);

/// Waits until all threads of the block, or of the calling thread's group, have come here or ended.
void wait_for_block();
void wait_for_group();

/// 8 bytes of each thread, for those who look at what others have.
extern unsigned long long exchanged[MOST_THREADS];

}  // namespace emulation

extern emulation::index3 threadIdx, blockIdx, blockDim, gridDim;

inline void __syncthreads() { emulation::wait_for_block(); }
inline void __syncwarp(unsigned = ~0u) { emulation::wait_for_group(); }

template <class T>
T __shfl_sync(unsigned, T v, int lane, int) {
  static_assert(sizeof(T) <= 8);
  const unsigned thread = threadIdx.x;
  __builtin_memcpy(&emulation::exchanged[thread], &v, sizeof v);
  emulation::wait_for_group();
  const unsigned from = thread / emulation::LANES * emulation::LANES + (unsigned)lane % emulation::LANES;
  __builtin_memcpy(&v, &emulation::exchanged[from], sizeof v);
  emulation::wait_for_group();
  return v;
}
template <class T>
T __shfl_xor_sync(unsigned mask, T v, int other, int width) {
  return __shfl_sync(mask, v, (int)(threadIdx.x % emulation::LANES) ^ other, width);
}

inline unsigned atomicAdd(unsigned *p, unsigned v) {
  const unsigned old = *p;
  *p += v;
  return old;
}

inline unsigned __float_as_uint(float v) { return __builtin_bit_cast(unsigned, v); }
inline int __float_as_int(float v) { return __builtin_bit_cast(int, v); }
inline float __uint_as_float(unsigned v) { return __builtin_bit_cast(float, v); }
inline float __int_as_float(int v) { return __builtin_bit_cast(float, v); }
inline float fmaxf(float a, float b) { return __builtin_fmaxf(a, b); }
