// Kernels that begin before the one ahead of them has ended, and weights on their way to a group of lanes meanwhile.
// (Programmatic dependent launch and bulk copies: CUDA programming guide, compute capability 9.0; elsewhere kernels follow
// one another and weights are read where they lie, with the same results.)

#if defined(MT_PLATFORM_NVIDIA) && defined(__CUDA_ARCH__)
#if __CUDA_ARCH__ >= 900
#define MT_BULK_COPIES 1
#endif
#endif

/// Lets the stream's next kernel take its place and begin, if it was launched for that.
INLINE void release_next_kernel() {
#if defined(MT_BULK_COPIES)
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

/// Waits until the kernels ahead are complete. Before it a kernel reads nothing that they write, and writes nothing.
INLINE void wait_for_last_kernel() {
#if defined(MT_BULK_COPIES)
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/// 16 bytes that another kernel has just written, from where all multiprocessors see them.
INLINE uint4 load_fresh_words(const void *p) {
#if defined(MT_PLATFORM_NVIDIA)
  uint4 v;
  asm volatile("ld.global.cg.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "l"(p) : "memory");
  return v;
#else
  return *(const uint4 *)p;
#endif
}

/// Eight elements of that kind, aligned.
template <class T>
INLINE void load_fresh(const T *p, float *v) {
  const int each = 16 / sizeof(T);
#pragma unroll
  for (int i = 0; i < CHUNK / each; i++) {
    const uint4 words = load_fresh_words(p + i * each);
    const packet<T> some = *(const packet<T> *)&words;
#pragma unroll
    for (int j = 0; j < each; j++) v[i * each + j] = widen(some.v[j]);
  }
}
INLINE void load_fresh(int type, const void *p, i64 index, float *v) {
  switch (type) {
    case F16: load_fresh((const f16 *)p + index, v); break;
    case BF16: load_fresh((const bf16 *)p + index, v); break;
    default: load_fresh((const float *)p + index, v);
  }
}

/// The bits of one element of that kind. Nothing is made of them yet, so that nobody waits for them.
INLINE u32 load_fresh_bits(int type, const void *p, i64 index) {
#if defined(MT_PLATFORM_NVIDIA)
  if (type == F32) {
    u32 bits;
    asm volatile("ld.global.cg.u32 %0, [%1];" : "=r"(bits) : "l"((const u32 *)p + index) : "memory");
    return bits;
  }
  u16 bits;
  asm volatile("ld.global.cg.u16 %0, [%1];" : "=h"(bits) : "l"((const u16 *)p + index) : "memory");
  return bits;
#else
  return type == F32 ? ((const u32 *)p)[index] : ((const u16 *)p)[index];
#endif
}
INLINE float widen_bits(int type, u32 bits) {
  return type == F32 ? __uint_as_float(bits) : type == F16 ? widen(f16{(u16)bits}) : widen(bf16{(u16)bits});
}

/// Eight elements as they lie in memory, aligned, and what they are.
struct raw_chunk {
  uint4 words[2];

  INLINE void read(int type, const void *p, i64 index) {
    if (type == F32) {
      words[0] = ((const uint4 *)p)[index / 4];
      words[1] = ((const uint4 *)p)[index / 4 + 1];
    } else {
      words[0] = ((const uint4 *)p)[index / 8];
    }
  }
  INLINE void widen(int type, float *v) const { load(type, words, 0, CHUNK, true, v); }
};

/// Asks for bytes to be brought nearer; `p` and `size` multiples of 16.
INLINE void prefetch_bytes(const void *p, int size) {
#if defined(MT_BULK_COPIES)
  asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(p), "r"(size) : "memory");
#endif
}

/// Two rows of weights, piece by piece, for one group of lanes: a ring of pieces that copies fill ahead of their use.
struct weight_pieces {
  u8 *memory;         ///< the group's part of shared memory, 16-byte aligned
  u64 *full;          ///< a barrier a stage
  int stages, stage;  ///< the stage to be used next
  u32 phase;          ///< of the barriers in this round
  int bytes;          ///< that a row's piece takes here, a multiple of 16

  /// Makes the barriers; the group's lanes only.
  INLINE void begin() {
    stage = 0;
    phase = 0;
#if defined(MT_BULK_COPIES)
    if (lane_index() < stages)
      asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(address(full + lane_index())) : "memory");
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    sync_lanes();
#endif
  }

  /// Fetches a piece of two rows into a stage that nobody reads any more, with the 16 bytes whole in which it begins and
  /// ends.
  INLINE void fetch(int into, const u8 *first, const u8 *second, int size) {
#if defined(MT_BULK_COPIES)
    if (lane_index() == 0) {
      const u32 barrier = address(full + into), target = address(memory + into * 2 * bytes);
      const int one = (past(first) + size + 15) & ~15, two = (past(second) + size + 15) & ~15;
      u64 policy;
      asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;" : "=l"(policy));
      asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(barrier), "r"(one + two) : "memory");
      copy(target, first - past(first), one, barrier, policy);
      copy(target + bytes, second - past(second), two, barrier, policy);
    }
#endif
  }

  /// Waits for the next stage's pieces, whose places in memory are given, and says where they are now.
  INLINE void wait(const u8 *&first, const u8 *&second) {
#if defined(MT_BULK_COPIES)
    const u32 barrier = address(full + stage);
    u32 done;
    do {
      asm volatile(
          "{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
          : "=r"(done)
          : "r"(barrier), "r"(phase)
          : "memory");
    } while (!done);
    first = memory + stage * 2 * bytes + past(first);
    second = memory + stage * 2 * bytes + bytes + past(second);
#endif
  }

  /// Goes on to the next stage; returns the one that is free now.
  INLINE int release() {
    const int released = stage;
    sync_lanes();
    if (++stage == stages) {
      stage = 0;
      phase ^= 1;
    }
    return released;
  }

  /// How far an address is past a multiple of 16.
  INLINE static int past(const u8 *p) { return (int)((u64)p % 16); }
#if defined(MT_BULK_COPIES)
  INLINE static u32 address(const void *p) { return (u32)__cvta_generic_to_shared(p); }
  INLINE static void copy(u32 target, const u8 *source, int size, u32 barrier, u64 policy) {
    asm volatile(
        "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint [%0], [%1], %2, [%3], %4;" ::"r"(
            target),
        "l"(source), "r"(size), "r"(barrier), "l"(policy)
        : "memory");
  }
#endif
};
