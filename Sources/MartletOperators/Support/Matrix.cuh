// The matrix units of NVIDIA's processors from sm_80 on, for 16-bit operands; sums are f32. (PTX ISA: mma.m16n8k16, ldmatrix,
// cp.async.)

#if defined(MT_PLATFORM_NVIDIA)

INLINE u32 shared_address(const void *p) { return (u32)__cvta_generic_to_shared(p); }

/// 16 bytes to shared memory without passing registers; zeros where nothing is to be read.
INLINE void copy_ahead(void *to, const void *from, bool is_there) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from),
               "r"(is_there ? 16 : 0));
}
/// Ends a group of copies.
INLINE void close_copies() { asm volatile("cp.async.commit_group;"); }
/// Waits until at most so many groups of copies are under way.
template <int GROUPS>
INLINE void await_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(GROUPS));
}

/// Four matrices of 8 by 8 from rows of 16 bytes: lane i has the address of row i % 8 of matrix i / 8.
INLINE void load_matrices(u32 *v, const void *p) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(v[0]), "=r"(v[1]), "=r"(v[2]), "=r"(v[3])
               : "r"(shared_address(p)));
}
INLINE void load_transposed(u32 *v, const void *p) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(v[0]), "=r"(v[1]), "=r"(v[2]), "=r"(v[3])
               : "r"(shared_address(p)));
}

/// c (16 by 8) += a (16 by 16) times b (16 by 8).
template <class T>
INLINE void multiply_add(float *c, const u32 *a, const u32 *b);
template <>
INLINE void multiply_add<bf16>(float *c, const u32 *a, const u32 *b) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
template <>
INLINE void multiply_add<f16>(float *c, const u32 *a, const u32 *b) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}

/// Two numbers side by side, rounded to nearest even.
template <class T>
INLINE u32 narrow_pair(float low, float high);
template <>
INLINE u32 narrow_pair<bf16>(float low, float high) {
  u32 pair;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}
template <>
INLINE u32 narrow_pair<f16>(float low, float high) {
  u32 pair;
  asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair) : "f"(high), "f"(low));
  return pair;
}

/// 2 to the power of v within two units of the last place; what is less than the least normal number becomes 0.
INLINE float power_of_two(float v) {
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(v));
  return result;
}

#endif
