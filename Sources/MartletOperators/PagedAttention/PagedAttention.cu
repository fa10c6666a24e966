// Attention over the paged cache: a block for a token, a key head and up to eight of its query heads. Spills: none.

struct paged_source {
  const martlet_gpu_cache &cache;
  const int *table;
  int head;

  INLINE void key(int key, int i, float *v) const {
    load_cached(cache, cache_head(cache, cache.keys, table[key / CACHE_BLOCK], head), key % CACHE_BLOCK, i, v);
  }
  INLINE void value(int key, int i, float *v) const {
    u8 *base = cache_head(cache, cache.values, table[key / CACHE_BLOCK], head);
    const int slot = key % CACHE_BLOCK;
    const i64 place = (i64)slot * cache.padded + i;
    if (cache.type == F32) {
      const float2 pair = *(const float2 *)((const float *)base + place);
      v[0] = pair.x;
      v[1] = pair.y;
    } else if (cache.type == Q8_0) {
      const float scale = widen(cache_scales(cache, base)[slot * cache_groups(cache) + i / CACHE_GROUP]);
      const char2 pair = *(const char2 *)(base + place);
      v[0] = (float)pair.x * scale;
      v[1] = (float)pair.y * scale;
    } else {
      const u32 pair = *(const u32 *)(base + 2 * place);
      const u16 low = (u16)pair, high = (u16)(pair >> 16);
      v[0] = cache.type == F16 ? widen(f16{low}) : widen(bf16{low});
      v[1] = cache.type == F16 ? widen(f16{high}) : widen(bf16{high});
    }
  }
};

/// What a block works on.
struct attention_unit {
  int token, key_head, first_row, rows, sequence, first, limit;

  INLINE attention_unit(const martlet_gpu_paged_attention &a) {
    const int tiles = (a.group + QUERY_ROWS - 1) / QUERY_ROWS, units = tiles * a.cache.key_heads;
    token = blockIdx.x / units;
    key_head = blockIdx.x % units / tiles;
    first_row = blockIdx.x % tiles * QUERY_ROWS;
    rows = min((int)QUERY_ROWS, a.group - first_row);
    // The last sequence that starts at or before the token; empty ones start where the next does.
    int low = 0, high = a.sequences - 1;
    while (low < high) {
      const int middle = (low + high + 1) / 2;
      if (a.starts[middle] <= token) low = middle;
      else high = middle - 1;
    }
    sequence = low;
    limit = a.positions[token] + 1;
    first = a.window > 0 ? max(0, limit - a.window) : 0;
  }
  INLINE int head(const martlet_gpu_paged_attention &a, int row) const { return key_head * a.group + first_row + row; }
};

INLINE i64 state_floats(const martlet_gpu_paged_attention &a) { return a.cache.padded + 2; }

/// Where a segment's state of one token and head is kept: maximum, sum, outputs.
INLINE float *state_of(const martlet_gpu_paged_attention &a, int token, int head, int segment) {
  return a.states + (((i64)token * a.heads + head) * a.segments + segment) * state_floats(a);
}

template <int PARTS>
INLINE void attend(const martlet_gpu_paged_attention &a, float *memory) {
  const attention_unit unit(a);
  const attention_memory m(memory, a.cache.padded, a.cache.padded);
  const bool is_split = a.states != 0;
  const int segment = blockIdx.y;
  if (is_split && (segment < unit.first / SEGMENT || segment * SEGMENT >= unit.limit)) return;

  const i64 query = unit.token * a.queries.stride + (i64)unit.head(a, 0) * a.cache.dimension;
  for (int i = threadIdx.x; i < unit.rows * m.key_width; i += blockDim.x) {
    const int r = i / m.key_width, column = i % m.key_width;
    m.queries[i] = column < a.cache.dimension
                       ? load_one(a.queries.type, a.queries.base, query + r * a.cache.dimension + column)
                       : 0.0f;
  }
  __syncthreads();
  const paged_source source{a.cache, a.tables + (i64)unit.sequence * a.table_width, unit.key_head};
  if (is_split) {
    attend_segment<PARTS>(source, m, unit.rows, segment, unit.first, unit.limit, a.scale);
    leave_state(m, unit.rows, state_of(a, unit.token, unit.head(a, 0), segment), a.segments * state_floats(a));
    return;
  }
  attend_all<PARTS>(source, m, unit.rows, unit.first, unit.limit, a.scale);
  const i64 out = unit.token * a.out.stride + (i64)unit.head(a, 0) * a.cache.dimension;
  for (int i = threadIdx.x; i < unit.rows * a.cache.dimension; i += blockDim.x) {
    const int r = i / a.cache.dimension;
    const float v = m.total[r * m.value_width + i % a.cache.dimension] * (1.0f / m.sum[r]);
    store_one(a.out.type, a.out.base, out + i, v);
  }
}

/// Merges the segments' states of a token and head in order.
KERNEL(128) merge_segments(const martlet_gpu_paged_attention a) {
  const int token = blockIdx.x / a.heads, head = blockIdx.x % a.heads;
  const int limit = a.positions[token] + 1, first = a.window > 0 ? max(0, limit - a.window) : 0;
  const i64 out = token * a.out.stride + (i64)head * a.cache.dimension;
  const float *states = state_of(a, token, head, 0);
  for (int i = threadIdx.x; i < a.cache.dimension; i += blockDim.x)
    store_one(a.out.type, a.out.base, out + i,
              merge_states(states, (int)state_floats(a), first / SEGMENT, (limit - 1) / SEGMENT, i));
}

extern __shared__ float4 attention_shared[];
#define ATTEND(PARTS)                                                                  \
  KERNEL_TOGETHER(ATTENTION_THREADS, 2) attend_##PARTS(const martlet_gpu_paged_attention a) { \
    attend<PARTS>(a, (float *)attention_shared);                                       \
  }
ATTEND(1)
ATTEND(2)
ATTEND(4)
ATTEND(8)
