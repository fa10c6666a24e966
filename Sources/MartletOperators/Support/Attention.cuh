// Attention of one token's query heads that share a key head, over segments of 64 keys: each segment is softmaxed on its
// own and merged with those before in order, so the bits depend on the token's keys only, not on how segments are shared
// out. (Online softmax: Milakov and Gimelshein 2018; segments: FlashDecoding, 2023.)

enum { QUERY_ROWS = 8, SEGMENT = 64, ATTENTION_THREADS = 128, ATTENTION_GROUPS = ATTENTION_THREADS / GROUP };

/// A block's shared memory, in floats: queries `[8][key_width]`, scores `[8][64]`, a segment's outputs and the total, each
/// `[8][value_width]`, maximum and sum of both.
struct attention_memory {
  float *queries, *scores, *part, *total, *part_maximum, *part_sum, *maximum, *sum;
  int key_width, value_width;

  INLINE attention_memory(float *memory, int key_width, int value_width)
      : key_width(key_width), value_width(value_width) {
    queries = memory;
    scores = queries + QUERY_ROWS * key_width;
    part = scores + QUERY_ROWS * SEGMENT;
    total = part + QUERY_ROWS * value_width;
    part_maximum = total + QUERY_ROWS * value_width;
    part_sum = part_maximum + QUERY_ROWS;
    maximum = part_sum + QUERY_ROWS;
    sum = maximum + QUERY_ROWS;
  }
};

/// Scores of the keys `start ..< end`: eight lanes a key.
template <class SOURCE>
INLINE void score_keys(const SOURCE &source, const attention_memory &m, int rows, int begin, int start, int end,
                       float scale) {
  const int side = lane_index() / 8, part = lane_index() % 8;
  for (int base = start + group_index() * 4; base < end; base += 4 * ATTENTION_GROUPS) {
    // All lanes take part in the sums, also those beyond the last key.
    const int key = min(base + side, end - 1);
    float acc[QUERY_ROWS];
#pragma unroll
    for (int r = 0; r < QUERY_ROWS; r++) acc[r] = 0;
    for (int i = part * CHUNK; i < m.key_width; i += 8 * CHUNK) {
      float k[CHUNK];
      source.key(key, i, k);
#pragma unroll
      for (int r = 0; r < QUERY_ROWS; r++) {
        if (r < rows) {
          const packet<float> *q = (const packet<float> *)(m.queries + r * m.key_width + i);
#pragma unroll
          for (int j = 0; j < CHUNK; j++) acc[r] = fmaf(q[j / 4].v[j % 4], k[j], acc[r]);
        }
      }
    }
#pragma unroll
    for (int r = 0; r < QUERY_ROWS; r++) {
      const float dot = sum_lanes(acc[r], 8);
      if (part == 0 && r < rows && base + side < end) m.scores[r * SEGMENT + key - begin] = dot * scale;
    }
  }
  __syncthreads();
}

/// Scores to exponentials; a group of lanes a row.
INLINE void softmax_rows(const attention_memory &m, int rows, int begin, int start, int end) {
  for (int r = group_index(); r < rows; r += ATTENTION_GROUPS) {
    float *scores = m.scores + r * SEGMENT - begin;
    float largest = __int_as_float(0xff800000), total = 0;
    for (int key = start + lane_index(); key < end; key += GROUP) largest = fmaxf(largest, scores[key]);
    largest = max_lanes(largest);
    for (int key = start + lane_index(); key < end; key += GROUP) {
      scores[key] = expf(scores[key] - largest);
      total += scores[key];
    }
    total = sum_lanes(total);
    if (lane_index() == 0) {
      m.part_maximum[r] = largest;
      m.part_sum[r] = total;
    }
  }
  __syncthreads();
}

/// The weighted sum of values. Groups of lanes take keys in turn; their sums are added in the order of the groups. A lane
/// has the dimensions `64 c + 2 lane` and the next, PARTS times.
template <int PARTS, class SOURCE>
INLINE void weigh_values(const SOURCE &source, const attention_memory &m, int rows, int begin, int start, int end) {
  float acc[QUERY_ROWS][2 * PARTS];
#pragma unroll
  for (int r = 0; r < QUERY_ROWS; r++)
#pragma unroll
    for (int c = 0; c < 2 * PARTS; c++) acc[r][c] = 0;
  // Loads of several keys under way at once, as far as registers go.
#pragma unroll(PARTS <= 2 ? 4 : 2)
  for (int key = start + group_index(); key < end; key += ATTENTION_GROUPS) {
    float v[2 * PARTS];
#pragma unroll
    for (int c = 0; c < PARTS; c++) {
      const int i = 2 * GROUP * c + 2 * lane_index();
      v[2 * c] = v[2 * c + 1] = 0;
      if (i < m.value_width) source.value(key, i, v + 2 * c);
    }
#pragma unroll
    for (int r = 0; r < QUERY_ROWS; r++) {
      if (r < rows) {
        const float weight = m.scores[r * SEGMENT + key - begin];
#pragma unroll
        for (int c = 0; c < 2 * PARTS; c++) acc[r][c] = fmaf(weight, v[c], acc[r][c]);
      }
    }
  }
  for (int group = 0; group < ATTENTION_GROUPS; group++) {
    if (group == group_index()) {
#pragma unroll
      for (int r = 0; r < QUERY_ROWS; r++) {
#pragma unroll
        for (int c = 0; c < 2 * PARTS; c++) {
          const int i = 2 * GROUP * (c / 2) + 2 * lane_index() + c % 2;
          if (r < rows && i < m.value_width) {
            float *sum = m.part + r * m.value_width + i;
            *sum = group == 0 ? acc[r][c] : *sum + acc[r][c];
          }
        }
      }
    }
    __syncthreads();
  }
}

/// One segment's own result, in `part`.
template <int PARTS, class SOURCE>
INLINE void attend_segment(const SOURCE &source, const attention_memory &m, int rows, int segment, int first, int limit,
                           float scale) {
  const int begin = segment * SEGMENT, start = max(begin, first), end = min(begin + SEGMENT, limit);
  score_keys(source, m, rows, begin, start, end, scale);
  softmax_rows(m, rows, begin, start, end);
  weigh_values<PARTS>(source, m, rows, begin, start, end);
}

/// Merges a later segment's numbers of one row into the total's: one element of the output.
INLINE float merged(float total, float keep, float part, float add) { return fmaf(part, add, total * keep); }

/// Merges `part` into the total; the first segment is the total.
INLINE void merge_segment(const attention_memory &m, int rows, bool is_first) {
  for (int i = threadIdx.x; i < rows * m.value_width; i += blockDim.x) {
    const int r = i / m.value_width;
    const float top = fmaxf(m.maximum[r], m.part_maximum[r]);
    m.total[i] =
        is_first ? m.part[i] : merged(m.total[i], expf(m.maximum[r] - top), m.part[i], expf(m.part_maximum[r] - top));
  }
  __syncthreads();
  if (threadIdx.x < rows) {
    const int r = threadIdx.x;
    const float top = is_first ? m.part_maximum[r] : fmaxf(m.maximum[r], m.part_maximum[r]);
    m.sum[r] = is_first ? m.part_sum[r]
                        : merged(m.sum[r], expf(m.maximum[r] - top), m.part_sum[r], expf(m.part_maximum[r] - top));
    m.maximum[r] = top;
  }
  __syncthreads();
}

/// All segments of the keys `first ..< limit`, in `total`.
template <int PARTS, class SOURCE>
INLINE void attend_all(const SOURCE &source, const attention_memory &m, int rows, int first, int limit, float scale) {
  for (int segment = first / SEGMENT; segment * SEGMENT < limit; segment++) {
    attend_segment<PARTS>(source, m, rows, segment, first, limit, scale);
    merge_segment(m, rows, segment == first / SEGMENT);
  }
}

// --- Segments shared out among blocks: each leaves its state, maximum, sum and outputs --------------------------------

/// Leaves a segment's result of a block's rows; `state` is that of the first row, `distance` floats from row to row.
INLINE void leave_state(const attention_memory &m, int rows, float *state, i64 distance) {
  for (int i = threadIdx.x; i < rows * m.value_width; i += blockDim.x)
    state[i / m.value_width * distance + 2 + i % m.value_width] = m.part[i];
  if (threadIdx.x < rows) {
    state[threadIdx.x * distance] = m.part_maximum[threadIdx.x];
    state[threadIdx.x * distance + 1] = m.part_sum[threadIdx.x];
  }
}

enum { MERGED_AT_ONCE = 8 };

/// One element of a row's result from the states of the segments `first ... last`; `states` is that of segment 0.
INLINE float merge_states(const float *states, int floats, int first, int last, int element) {
  const float *state = states + (i64)first * floats;
  float maximum = state[0], sum = state[1], total = state[2 + element];
  for (int start = first + 1; start <= last; start += MERGED_AT_ONCE) {
    // Read ahead: merging goes one by one, and each would wait for its own.
    float maxima[MERGED_AT_ONCE], sums[MERGED_AT_ONCE], parts[MERGED_AT_ONCE];
#pragma unroll
    for (int k = 0; k < MERGED_AT_ONCE; k++) {
      state = states + (i64)min(start + k, last) * floats;
      maxima[k] = state[0], sums[k] = state[1], parts[k] = state[2 + element];
    }
#pragma unroll
    for (int k = 0; k < MERGED_AT_ONCE; k++) {
      if (start + k > last) break;
      const float top = fmaxf(maximum, maxima[k]), keep = expf(maximum - top), add = expf(maxima[k] - top);
      total = merged(total, keep, parts[k], add);
      sum = merged(sum, keep, sums[k], add);
      maximum = top;
    }
  }
  return total * (1.0f / sum);
}
