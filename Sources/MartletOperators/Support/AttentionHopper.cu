// Causal attention of many queries in f16 or bf16 on Hopper: as in AttentionTile.cu, with the matrix units that read shared
// memory themselves. One group of four warps copies keys and values ahead through a ring of tiles; the other groups have 64
// rows each and calculate: scores of the next tile while the weights of this one are multiplied with the values.
// (FlashAttention-3: Shah et al. 2024.) Spills: none.

#if defined(MT_PLATFORM_NVIDIA) && defined(__CUDA_ARCH_FEAT_SM90_ALL)

enum { GROUP_ROWS = 64, GROUP_THREADS = 128, TILE_KEYS = 128, LINE = 64, RING = 6, COPY_LAG = 1 };

// --- Barriers in shared memory ---------------------------------------------------------------------------------------

INLINE void init_barrier(u32 barrier, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(barrier), "r"(arrivals) : "memory");
}
INLINE void arrive(u32 barrier) {
  asm volatile("{ .reg .b64 t; mbarrier.arrive.shared::cta.b64 t, [%0]; }" ::"r"(barrier) : "memory");
}
/// Waits until the phase of that parity is over.
INLINE void await(u32 barrier, u32 parity) {
  u32 done;
  do {
    asm volatile(
        "{ .reg .pred p; mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2; selp.u32 %0, 1, 0, p; }"
        : "=r"(done)
        : "r"(barrier), "r"(parity)
        : "memory");
  } while (!done);
}
/// Makes what this thread wrote to shared memory visible to the matrix units.
INLINE void publish_shared() { asm volatile("fence.proxy.async.shared::cta;" ::: "memory"); }
/// Waits for the threads of one group.
INLINE void sync_group(int group) { asm volatile("bar.sync %0, %1;" ::"r"(1 + group), "n"((int)GROUP_THREADS) : "memory"); }

/// A group of threads waits for its turn, or gives it to another.
INLINE void await_turn(int group) {
  asm volatile("bar.sync %0, %1;" ::"r"(8 + group), "n"(2 * (int)GROUP_THREADS) : "memory");
}
INLINE void pass_turn(int group) {
  asm volatile("bar.arrive %0, %1;" ::"r"(8 + group), "n"(2 * (int)GROUP_THREADS) : "memory");
}

// --- Products of 64 rows, asynchronous -------------------------------------------------------------------------------

/// Lines of 128 bytes whose pieces are swizzled, 8 lines a kilobyte; `across` bytes from a block of 64 columns to the next.
INLINE u64 matrix_at(u32 address, int across) {
  return (u64)((address & 0x3ffff) >> 4) | (u64)(across >> 4) << 16 | (u64)(1024 >> 4) << 32 | (u64)1 << 62;
}
INLINE void begin_products() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }
INLINE void close_products() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }
template <int LEFT>
INLINE void await_products() {
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(LEFT) : "memory");
}
/// Keeps uses of sums behind the wait for them.
template <int COUNT>
INLINE void hold(float *v) {
#pragma unroll
  for (int i = 0; i < COUNT; i++) asm volatile("" : "+f"(v[i])::"memory");
}

// Operands of an instruction: 32 or 64 sums.
#define SUMS_32(C) "+f"(C[0]), "+f"(C[1]), "+f"(C[2]), "+f"(C[3]), "+f"(C[4]), "+f"(C[5]), "+f"(C[6]), "+f"(C[7]), \
  "+f"(C[8]), "+f"(C[9]), "+f"(C[10]), "+f"(C[11]), "+f"(C[12]), "+f"(C[13]), "+f"(C[14]), "+f"(C[15]), "+f"(C[16]), \
  "+f"(C[17]), "+f"(C[18]), "+f"(C[19]), "+f"(C[20]), "+f"(C[21]), "+f"(C[22]), "+f"(C[23]), "+f"(C[24]), \
  "+f"(C[25]), "+f"(C[26]), "+f"(C[27]), "+f"(C[28]), "+f"(C[29]), "+f"(C[30]), "+f"(C[31])
#define SUMS_64(C) SUMS_32(C), "+f"(C[32]), "+f"(C[33]), "+f"(C[34]), "+f"(C[35]), "+f"(C[36]), "+f"(C[37]), \
  "+f"(C[38]), "+f"(C[39]), "+f"(C[40]), "+f"(C[41]), "+f"(C[42]), "+f"(C[43]), "+f"(C[44]), "+f"(C[45]), \
  "+f"(C[46]), "+f"(C[47]), "+f"(C[48]), "+f"(C[49]), "+f"(C[50]), "+f"(C[51]), "+f"(C[52]), "+f"(C[53]), \
  "+f"(C[54]), "+f"(C[55]), "+f"(C[56]), "+f"(C[57]), "+f"(C[58]), "+f"(C[59]), "+f"(C[60]), "+f"(C[61]), \
  "+f"(C[62]), "+f"(C[63])
#define NAMES_32 \
  "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define NAMES_64 NAMES_32 \
  ", %32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"

/// The products of a group: TYPE for PTX, WIDTH columns, HALF sums a thread.
#define PRODUCTS(T, TYPE, WIDTH, HALF, AT0, AT1, AT2, AT3, AT4, AT5)                                                     \
  /** c = a bᵀ, or added to c: both from shared memory, rows of either of 64 columns. */                                 \
  INLINE void multiply_rows(T, float(&c)[HALF], u64 a, u64 b, int adds) {                                                \
    asm volatile("{ .reg .pred p; setp.ne.b32 p, %" AT2 ", 0;"                                                           \
                 "wgmma.mma_async.sync.aligned.m64n" #WIDTH "k16.f32." TYPE "." TYPE " {" NAMES_##HALF "}, "              \
                 "%" AT0 ", %" AT1 ", p, 1, 1, 0, 0; }"                                                                  \
                 : SUMS_##HALF(c)                                                                                        \
                 : "l"(a), "l"(b), "r"(adds));                                                                           \
  }                                                                                                                      \
  /** c += a b: a from registers, b's rows from shared memory. */                                                        \
  INLINE void multiply_columns(T, float(&c)[HALF], const u32 *a, u64 b) {                                                \
    asm volatile("{ .reg .pred p; setp.ne.b32 p, %" AT5 ", 0;"                                                           \
                 "wgmma.mma_async.sync.aligned.m64n" #WIDTH "k16.f32." TYPE "." TYPE " {" NAMES_##HALF "}, "              \
                 "{%" AT0 ", %" AT1 ", %" AT2 ", %" AT3 "}, %" AT4 ", p, 1, 1, 1; }"                                     \
                 : SUMS_##HALF(c)                                                                                        \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(1));                                          \
  }
PRODUCTS(bf16, "bf16", 64, 32, "32", "33", "34", "35", "36", "37")
PRODUCTS(f16, "f16", 64, 32, "32", "33", "34", "35", "36", "37")
PRODUCTS(bf16, "bf16", 128, 64, "64", "65", "66", "67", "68", "69")
PRODUCTS(f16, "f16", 128, 64, "64", "65", "66", "67", "68", "69")

// --- A block ---------------------------------------------------------------------------------------------------------

/// Where a piece of 16 bytes of a tile of `lines` rows lies, in elements: columns in blocks of 64, lines swizzled.
INLINE int place(int lines, int row, int piece) {
  return piece / 8 * (lines * LINE) + row * LINE + ((piece % 8) ^ (row & 7)) * 8;
}

template <class T, int D, int GROUPS>
struct hopper_memory {
  enum { ROWS = GROUPS * GROUP_ROWS, TILE = TILE_KEYS * D };
  T queries[ROWS * D];
  T ring[RING][TILE];
  u64 full[RING], empty[RING];
};

/// A block's unit in a round: those with most keys come first, so every other round goes the other way.
INLINE int unit_of(int round) {
  return round * gridDim.x + (round % 2 == 0 ? blockIdx.x : gridDim.x - 1 - blockIdx.x);
}

/// The tiles of a unit in the order in which they are used: keys 0, keys 1, values 0, keys 2, values 1, … the last values.
/// The ring's turns go on from one unit to the next.
struct tile_order {
  int first;  ///< tile
  int count;
  int turn;   ///< of the ring, with which the unit starts

  INLINE tile_order(const martlet_gpu_attention_tile &a, const query_tile &tile, int turn)
      : first(a.window > 0 ? max(0, tile.least - a.window) / TILE_KEYS : 0),
        count((tile.limit - 1) / TILE_KEYS - first + 1), turn(turn) {}
  INLINE int key_turn(int tile) const { return turn + (tile == 0 ? 0 : 2 * tile - 1); }
  INLINE int value_turn(int tile) const { return turn + (tile == count - 1 ? 2 * count - 1 : 2 * tile + 2); }
  INLINE int end() const { return turn + 2 * count; }
};

/// The group that copies. Each lane keeps a cache block of the tiles at work, of the last ones and of the next ones, four
/// tiles at a time, so that no copy waits for the table.
template <class T, int D, int GROUPS, bool PAGED>
INLINE void copy_tiles(const martlet_gpu_attention_tile &a, hopper_memory<T, D, GROUPS> &m) {
  enum { PIECES = D / 8, ROWS_AT_ONCE = GROUP_THREADS / PIECES, BLOCKS = TILE_KEYS / CACHE_BLOCK, KEPT = GROUP / BLOCKS };
  const int thread = threadIdx.x % GROUP_THREADS, line = thread / PIECES, column = thread % PIECES;
  const auto publish = [&](int turn) {
    publish_shared();
    arrive(shared_address(&m.full[turn % RING]));
  };
  int turn = 0;
  for (int round = 0; round * gridDim.x < a.units; round++) {
    query_tile tile;
    if (!find_tile<PAGED>(a, unit_of(round), GROUPS * GROUP_ROWS, tile)) continue;
    const tile_order order(a, tile, turn);
    const head_rows<T, D, PAGED> keys(a, tile, a.k, a.k_strides, column);
    const head_rows<T, D, PAGED> values(a, tile, a.v, a.v_strides, column);
    const auto lookup = [&](int index) { return keys.block((order.first + index) * TILE_KEYS + lane_index() * CACHE_BLOCK); };
    int before = 0, now = 0, next = lookup(0);
    const auto copy = [&](const head_rows<T, D, PAGED> &rows, int index, int blocks) {
      const int slot = turn % RING;
      if (turn >= RING) await(shared_address(&m.empty[slot]), (turn / RING - 1) & 1);
      T *const to = m.ring[slot] + place(TILE_KEYS, line, column);
      const int key = (order.first + index) * TILE_KEYS + line;
#pragma unroll
      for (int pass = 0; pass < TILE_KEYS; pass += ROWS_AT_ONCE) {
        const int block = PAGED ? from_lane(blocks, index % KEPT * BLOCKS + pass / CACHE_BLOCK) : 0;
        rows.fetch(to + pass * LINE, key + pass, block);
      }
      close_copies();
      if (turn >= COPY_LAG) {
        await_copies<COPY_LAG>();
        publish(turn - COPY_LAG);
      }
      turn++;
    };
    for (int index = 0; index < order.count; index++) {
      if (index % KEPT == 0) {
        before = now, now = next;
        next = lookup(index + KEPT);
      }
      copy(keys, index, now);
      if (index > 0) copy(values, index - 1, index % KEPT == 0 ? before : now);
    }
    copy(values, order.count - 1, now);
  }
  await_copies<0>();
  for (int last = max(0, turn - COPY_LAG); last < turn; last++) publish(last);
}

/// Scores to weights: the new maximum and sum of each row, and what earlier sums are to be multiplied with.
INLINE void weigh(float *scores, float scale, float *maximum, float *sum, float *keep) {
#pragma unroll
  for (int h = 0; h < 2; h++) {
    float top = maximum[h];
#pragma unroll
    for (int j = 0; j < TILE_KEYS / 8; j++) top = fmaxf(top, fmaxf(scores[4 * j + 2 * h], scores[4 * j + 2 * h + 1]));
    top = fmaxf(top, from_lane_xor(top, 1));
    top = fmaxf(top, from_lane_xor(top, 2));
    // A row that has seen no key yet has no maximum to subtract.
    const float shift = top == __int_as_float(0xff800000) ? 0.0f : top * scale;
    keep[h] = power_of_two(maximum[h] * scale - shift);
    maximum[h] = top;
    float added = 0;
#pragma unroll
    for (int j = 0; j < TILE_KEYS / 8 * 2; j++) {
      const int i = j / 2 * 4 + 2 * h + j % 2;
      scores[i] = power_of_two(fmaf(scores[i], scale, -shift));
      added += scores[i];
    }
    sum[h] = fmaf(sum[h], keep[h], added);
  }
}

template <class T, int D, int GROUPS, bool PAGED>
INLINE void attend_rows(const martlet_gpu_attention_tile &a, const query_tile &tile, hopper_memory<T, D, GROUPS> &m,
                        const tile_order &order) {
  enum { ROWS = GROUPS * GROUP_ROWS, PIECES = D / 8 };
  const int group = threadIdx.x / GROUP_THREADS - 1, thread = threadIdx.x % GROUP_THREADS, lane = lane_index();
  const int first_row = group * GROUP_ROWS;
  for (int i = thread; i < GROUP_ROWS * PIECES; i += GROUP_THREADS) {
    const int row = first_row + i / PIECES, column = i % PIECES, token = row / a.group;
    fetch_query<PAGED>(a, m.queries + place(ROWS, row, column), tile.first + token, tile.head * a.group + row % a.group, column * 8,
                token < tile.tokens);
  }
  close_copies();
  // Of each lane: rows lane / 4 and 8 more of its warp's 16, columns 2 (lane % 4) and the next of every 8.
  const int own_row = first_row + thread / GROUP * 16 + lane / 4;
  float maximum[2], sum[2], keep[2];
#pragma unroll
  for (int h = 0; h < 2; h++) {
    maximum[h] = __int_as_float(0xff800000);
    sum[h] = 0;
  }
  const float scale = a.scale * 1.44269504088896341f;
  const u64 queries = matrix_at(shared_address(m.queries + first_row * LINE), 0);
  float scores[TILE_KEYS / 2], out[D / 2];
  u32 weights[TILE_KEYS / 16][4];
#pragma unroll
  for (int i = 0; i < D / 2; i++) out[i] = 0;
  await_copies<0>();
  publish_shared();
  sync_group(group);

  const auto multiply_keys = [&](int turn) {
    await(shared_address(&m.full[turn % RING]), turn / RING & 1);
    const u64 keys = matrix_at(shared_address(m.ring[turn % RING]), 0);
    begin_products();
#pragma unroll
    for (int d = 0; d < D; d += 16)
      multiply_rows(T(), scores, queries + (d / LINE * (ROWS * LINE) + d % LINE) * 2 / 16,
                    keys + (d / LINE * (TILE_KEYS * LINE) + d % LINE) * 2 / 16, d > 0);
    close_products();
  };
  const auto multiply_values = [&](int turn) {
    await(shared_address(&m.full[turn % RING]), turn / RING & 1);
    const u64 values = matrix_at(shared_address(m.ring[turn % RING]), TILE_KEYS * LINE * 2);
    begin_products();
#pragma unroll
    for (int k = 0; k < TILE_KEYS / 16; k++) multiply_columns(T(), out, weights[k], values + k * 16 * LINE * 2 / 16);
    close_products();
  };
  const auto release = [&](int turn) {
    if (lane == 0) arrive(shared_address(&m.empty[turn % RING]));
  };
  const auto mask = [&](int index) {
    const int begin = (order.first + index) * TILE_KEYS;
    if (begin + TILE_KEYS <= tile.least && (a.window <= 0 || begin >= tile.limit - a.window)) return;
    int limit[2];
    for (int h = 0; h < 2; h++) limit[h] = keys_of<PAGED>(a, tile.token(a, own_row + 8 * h));
#pragma unroll
    for (int i = 0; i < TILE_KEYS / 2; i++) {
      const int key = begin + i / 4 * 8 + lane % 4 * 2 + i % 2, h = i / 2 % 2;
      if (key >= limit[h] || (a.window > 0 && key < limit[h] - a.window)) scores[i] = __int_as_float(0xff800000);
    }
  };
  const auto narrow_weights = [&] {
#pragma unroll
    for (int i = 0; i < TILE_KEYS / 4; i++) weights[i / 4][i % 4] = narrow_pair<T>(scores[2 * i], scores[2 * i + 1]);
  };

  multiply_keys(order.key_turn(0));
  await_products<0>();
  hold<TILE_KEYS / 2>(scores);
  release(order.key_turn(0));
  mask(0);
  weigh(scores, scale, maximum, sum, keep);
  narrow_weights();
  // Three groups take turns, so that the products of one go on while others calculate weights; two do so by themselves.
  constexpr bool TAKES_TURNS = GROUPS == 3;
  if (TAKES_TURNS && group == GROUPS - 1 && order.count > 1) pass_turn(0);
  for (int index = 1; index < order.count; index++) {
    if (TAKES_TURNS) await_turn(group);
    multiply_keys(order.key_turn(index));
    multiply_values(order.value_turn(index - 1));
    if (TAKES_TURNS && (index + 1 < order.count || group < GROUPS - 1)) pass_turn((group + 1) % GROUPS);
    await_products<1>();
    hold<TILE_KEYS / 2>(scores);
    release(order.key_turn(index));
    mask(index);
    weigh(scores, scale, maximum, sum, keep);
    await_products<0>();
    hold<D / 2>(out);
    release(order.value_turn(index - 1));
#pragma unroll
    for (int i = 0; i < D / 2; i++) out[i] *= keep[i / 2 % 2];
    narrow_weights();
  }
  multiply_values(order.value_turn(order.count - 1));
  await_products<0>();
  hold<D / 2>(out);
  release(order.value_turn(order.count - 1));

  // Through the queries' memory, of which a warp has its own rows, so that whole pieces are stored.
#pragma unroll
  for (int h = 0; h < 2; h++) {
    const float share = 1.0f / sum_lanes(sum[h], 4);
    const int row = own_row + 8 * h, token = row / a.group;
#pragma unroll
    for (int j = 0; j < PIECES; j++) {
      const float left = out[4 * j + 2 * h] * share, right = out[4 * j + 2 * h + 1] * share;
      if (!is_wide<PAGED>(a)) *(u32 *)(m.queries + place(ROWS, row, j) + lane % 4 * 2) = narrow_pair<T>(left, right);
      else if (token < tile.tokens)
        store_wide(a, tile.first + token, tile.head * a.group + row % a.group, 8 * j + lane % 4 * 2, left, right);
    }
  }
  sync_lanes();
#pragma unroll
  for (int i = lane; i < 16 * PIECES; i += GROUP) {
    const int row = first_row + thread / GROUP * 16 + i / PIECES, column = i % PIECES, token = row / a.group;
    if (is_wide<PAGED>(a) || token >= tile.tokens) continue;
    T *to = (T *)a.out + (tile.first + token) * a.out_strides[0] +
            (tile.head * a.group + row % a.group) * a.out_strides[1] + column * 8;
    *(uint4 *)to = *(const uint4 *)(m.queries + place(ROWS, row, column));
  }
  // Before the next unit's queries come there.
  sync_group(group);
}

/// Registers go from the group that copies to those that calculate.
template <int COUNT>
INLINE void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;" ::"n"(COUNT));
}
template <int COUNT>
INLINE void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;" ::"n"(COUNT));
}

template <class T, int D, int GROUPS, bool PAGED>
INLINE void attend(const martlet_gpu_attention_tile &a, u8 *memory) {
  typedef hopper_memory<T, D, GROUPS> memory_type;
  memory_type &m = *(memory_type *)((memory - (u8 *)0 + 1023) / 1024 * 1024 + (u8 *)0);
  if (threadIdx.x == 0) {
    for (int i = 0; i < RING; i++) {
      init_barrier(shared_address(&m.full[i]), GROUP_THREADS);
      init_barrier(shared_address(&m.empty[i]), GROUPS * (GROUP_THREADS / GROUP));
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }
  __syncthreads();
  if (threadIdx.x < GROUP_THREADS) {
    give_registers<GROUPS == 2 ? 40 : 32>();
    copy_tiles<T, D, GROUPS, PAGED>(a, m);
  } else {
    take_registers<GROUPS == 2 ? 232 : 160>();
    int turn = 0;
    for (int round = 0; round * gridDim.x < a.units; round++) {
      query_tile tile;
      if (!find_tile<PAGED>(a, unit_of(round), memory_type::ROWS, tile)) continue;
      const tile_order order(a, tile, turn);
      attend_rows<T, D, GROUPS, PAGED>(a, tile, m, order);
      turn = order.end();
    }
  }
}

extern __shared__ uint4 attention_hopper_shared[];
#define ATTEND_HOPPER(SOURCE, PAGED, NAME, T, D, GROUPS)                                                         \
  KERNEL_TOGETHER((GROUPS + 1) * GROUP_THREADS, 1)                                                              \
  attend_hopper_##SOURCE##_##NAME##_##D(const __grid_constant__ martlet_gpu_attention_tile a) {                 \
    attend<T, D, GROUPS, PAGED>(a, (u8 *)attention_hopper_shared);                                              \
  }
// As many groups as registers allow.
#define ATTEND_HOPPERS(NAME, T)                  \
  ATTEND_HOPPER(plain, false, NAME, T, 64, 3)    \
  ATTEND_HOPPER(paged, true, NAME, T, 64, 3)     \
  ATTEND_HOPPER(plain, false, NAME, T, 128, 2)   \
  ATTEND_HOPPER(paged, true, NAME, T, 128, 2)
ATTEND_HOPPERS(f16, f16)
ATTEND_HOPPERS(bf16, bf16)

#endif
