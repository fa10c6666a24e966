// What nobody is sure of until a device has shown it: what lanes get from each other, and how much a block may share. Each kernel
// leaves what it found, and the host compares. Spills: none.

typedef struct {
  int *out;
  int count;  ///< words that the block shares
} martlet_gpu_survey;

enum { SURVEY_LANES = 64, SURVEY_DISTANCES = 6 };

/// Exchanges of a type over `1 << i` lanes: by place, by bits that differ, and from further up.
template <class T>
INLINE void exchange(int *out, lane_mask lanes, int width) {
  const int lane = (int)threadIdx.x;
  const T v = (T)(lane * 3 + 1);
  for (int i = 0; i < SURVEY_DISTANCES; i++) {
    const int distance = 1 << i;
    if (distance >= width) break;
    out[(0 * SURVEY_DISTANCES + i) * SURVEY_LANES + lane] =
        (int)__shfl_sync(lanes, v, (lane % width + distance) % width, width);
    out[(1 * SURVEY_DISTANCES + i) * SURVEY_LANES + lane] = (int)__shfl_xor_sync(lanes, v, distance, width);
    out[(2 * SURVEY_DISTANCES + i) * SURVEY_LANES + lane] = (int)__shfl_down_sync(lanes, v, distance, width);
  }
}

/// Within groups, as operators do it: integers, then numbers.
KERNEL(SURVEY_LANES) exchange_groups(const martlet_gpu_survey a) {
  exchange<int>(a.out, own_lanes(), GROUP);
  exchange<float>(a.out + 3 * SURVEY_DISTANCES * SURVEY_LANES, own_lanes(), GROUP);
}

/// Within whole waves.
KERNEL(SURVEY_LANES) exchange_waves(const martlet_gpu_survey a) {
  exchange<int>(a.out, ~(lane_mask)0, MT_WAVE);
  exchange<float>(a.out + 3 * SURVEY_DISTANCES * SURVEY_LANES, ~(lane_mask)0, MT_WAVE);
}

extern __shared__ int survey_shared[];

/// A thread's words that another one wrote and that came wrong.
KERNEL(1024) share(const martlet_gpu_survey a) {
  for (int i = threadIdx.x; i < a.count; i += blockDim.x) survey_shared[i] = i * 7 + 1;
  __syncthreads();
  int wrong = 0;
  for (int i = threadIdx.x; i < a.count; i += blockDim.x) wrong += survey_shared[a.count - 1 - i] != (a.count - 1 - i) * 7 + 1;
  a.out[threadIdx.x] = wrong;
}
