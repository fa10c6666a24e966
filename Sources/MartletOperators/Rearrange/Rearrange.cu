// A copy between layouts, in units of 1 to 16 bytes. Spills: none.

struct alignas(16) unit16 {
  u64 low, high;
};

template <class UNIT>
INLINE void rearrange(const martlet_gpu_rearrange &a) {
  for (i64 i = (i64)blockIdx.x * blockDim.x + threadIdx.x; i < a.count; i += (i64)gridDim.x * blockDim.x) {
    i64 rest = i, from = 0, to = 0;
    for (int d = a.dimensions - 1; d >= 0; d--) {
      const i64 next = rest / a.shape[d], index = rest - next * a.shape[d];
      from += index * a.source_strides[d];
      to += index * a.out_strides[d];
      rest = next;
    }
    ((UNIT *)a.out)[to] = ((const UNIT *)a.source)[from];
  }
}
KERNEL(256) rearrange_1(const martlet_gpu_rearrange a) { rearrange<u8>(a); }
KERNEL(256) rearrange_2(const martlet_gpu_rearrange a) { rearrange<u16>(a); }
KERNEL(256) rearrange_4(const martlet_gpu_rearrange a) { rearrange<u32>(a); }
KERNEL(256) rearrange_8(const martlet_gpu_rearrange a) { rearrange<u64>(a); }
KERNEL(256) rearrange_16(const martlet_gpu_rearrange a) { rearrange<unit16>(a); }
