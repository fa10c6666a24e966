// What MetaX's run-time compiler knows without headers, as far as Martlet's kernels use it: for Clang to read them without
// MetaX's toolchain (check_metax.py). Declarations only, by the names that CUDA C++ and MACA C++ share. A wave has 64 lanes,
// and masks are 64 bits wide: with a shorter one the call means something else, so here it is refused.

#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __shared__ __attribute__((shared))
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(THREADS) __attribute__((launch_bounds(THREADS)))

typedef __SIZE_TYPE__ size_t;

struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
};
extern const __device__ uint3 threadIdx, blockIdx;
extern const __device__ dim3 blockDim, gridDim;
constexpr __device__ int warpSize = 64;

struct alignas(2) char2 {
  signed char x, y;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
__device__ uint2 make_uint2(unsigned, unsigned);
__device__ float2 make_float2(float, float);

// Masks of lanes.
#define EXCHANGE(NAME, PLACE)                                                              \
  template <class T>                                                                       \
  __device__ T NAME(unsigned long mask, T value, PLACE place, int width = warpSize);       \
  template <class T>                                                                       \
  __device__ T NAME(unsigned mask, T value, PLACE place, int width = warpSize) = delete;   \
  template <class T>                                                                       \
  __device__ T NAME(int mask, T value, PLACE place, int width = warpSize) = delete;
EXCHANGE(__shfl_sync, int)
EXCHANGE(__shfl_xor_sync, int)
EXCHANGE(__shfl_down_sync, unsigned)
__device__ void __syncwarp(unsigned long mask = ~0ul);
__device__ void __syncwarp(unsigned mask) = delete;
__device__ void __syncwarp(int mask) = delete;

__device__ void __syncthreads();
__device__ void __threadfence();
__device__ int atomicAdd(int *, int);
__device__ unsigned atomicAdd(unsigned *, unsigned);
__device__ int __clz(int);
__device__ unsigned long long __umul64hi(unsigned long long, unsigned long long);

// Numbers.
__device__ int __float_as_int(float);
__device__ float __int_as_float(int);
__device__ unsigned __float_as_uint(float);
__device__ float __uint_as_float(unsigned);
__device__ float __fmul_rn(float, float);
__device__ float __fadd_rn(float, float);
__device__ float fmaf(float, float, float);
__device__ float fabsf(float);
__device__ float fmaxf(float, float);
__device__ float fminf(float, float);
__device__ float sqrtf(float);
__device__ float rintf(float);
__device__ float expf(float);
__device__ float exp2f(float);
__device__ float sinf(float);
__device__ float cosf(float);
__device__ double pow(double, double);
__device__ int min(int, int);
__device__ unsigned min(unsigned, unsigned);
__device__ int max(int, int);
