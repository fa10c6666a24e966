// Attention over plain tensors: a block for a query, a key head and up to eight of its query heads. Spills: none.

struct plain_source {
  const martlet_gpu_self_attention &a;
  int head;

  INLINE void key(int key, int i, float *v) const {
    load(a.type, a.k, key * a.k_strides[0] + head * a.k_strides[1] + i, a.dimension - i, a.aligned, v);
  }
  INLINE void value(int key, int i, float *v) const {
    const i64 place = key * a.v_strides[0] + head * a.v_strides[1] + i;
    v[0] = load_one(a.type, a.v, place);
    v[1] = i + 1 < a.value_dimension ? load_one(a.type, a.v, place + 1) : 0.0f;
  }
};

INLINE int limit_of(const martlet_gpu_self_attention &a, int query) { return query + a.keys - a.queries + 1; }

/// Where a segment's state of one query and head is kept.
INLINE float *state_of(const martlet_gpu_self_attention &a, int query, int head, int segment) {
  return a.states + (((i64)query * a.heads + head) * a.segments + segment) * (a.value_dimension + 2);
}

template <int PARTS>
INLINE void attend(const martlet_gpu_self_attention &a, float *memory) {
  const int tiles = (a.group + QUERY_ROWS - 1) / QUERY_ROWS, units = tiles * (a.heads / a.group);
  const int query = blockIdx.x / units, key_head = blockIdx.x % units / tiles;
  const int first_row = blockIdx.x % tiles * QUERY_ROWS, rows = min((int)QUERY_ROWS, a.group - first_row);
  const int first_head = key_head * a.group + first_row;
  const int limit = limit_of(a, query), segment = blockIdx.y;
  if (a.states && segment * SEGMENT >= limit) return;
  const attention_memory m(memory, (a.dimension + CHUNK - 1) / CHUNK * CHUNK, a.value_dimension);
  const i64 q = query * a.q_strides[0] + first_head * a.q_strides[1];
  for (int i = threadIdx.x; i < rows * m.key_width; i += blockDim.x) {
    const int r = i / m.key_width, column = i % m.key_width;
    m.queries[i] = column < a.dimension ? load_one(a.type, a.q, q + r * a.q_strides[1] + column) : 0.0f;
  }
  __syncthreads();
  if (a.states) {
    attend_segment<PARTS>(plain_source{a, key_head}, m, rows, segment, 0, limit, a.scale);
    leave_state(m, rows, state_of(a, query, first_head, segment), (i64)a.segments * (a.value_dimension + 2));
    return;
  }
  attend_all<PARTS>(plain_source{a, key_head}, m, rows, 0, limit, a.scale);
  const i64 out = query * a.out_strides[0] + first_head * a.out_strides[1];
  for (int i = threadIdx.x; i < rows * a.value_dimension; i += blockDim.x) {
    const int r = i / a.value_dimension;
    store_one(a.type, a.out, out + r * a.out_strides[1] + i % a.value_dimension, m.total[i] * (1.0f / m.sum[r]));
  }
}

/// Merges the segments' states of a query and head in order.
KERNEL(128) merge_segments(const martlet_gpu_self_attention a) {
  const int query = blockIdx.x / a.heads, head = blockIdx.x % a.heads;
  const i64 out = query * a.out_strides[0] + head * a.out_strides[1];
  const float *states = state_of(a, query, head, 0);
  for (int i = threadIdx.x; i < a.value_dimension; i += blockDim.x)
    store_one(a.type, a.out, out + i,
              merge_states(states, a.value_dimension + 2, 0, (limit_of(a, query) - 1) / SEGMENT, i));
}

extern __shared__ float4 attention_shared[];
#define ATTEND(PARTS)                                                                  \
  KERNEL_TOGETHER(ATTENTION_THREADS, 2) attend_##PARTS(const martlet_gpu_self_attention a) { \
    attend<PARTS>(a, (float *)attention_shared);                                       \
  }
ATTEND(1)
ATTEND(2)
ATTEND(4)
ATTEND(8)
