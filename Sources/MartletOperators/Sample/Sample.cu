// A token from each row of logits by temperature, top-k, top-p and min-p, a block a row. SamplingRule.swift defines every
// number, so the token is the processor's. Nothing is sorted: each step looks for a threshold by counting or weighing what lies
// above it, in bins that get finer until one value is left. Sums are of integers, so their order is free. Spills: none.

enum { DIGIT_BITS = 11, BINS = 1 << DIGIT_BITS, LANE_BINS = BINS / GROUP };

/// Sums of 64 bits in two words, which shared memory can add to by itself.
struct weight_bins {
  u32 low[BINS], high[BINS];
};

struct descent {
  u32 value;
  u64 above;  ///< amount of what lies above the value
  u64 at;     ///< amount of what has the value
  u64 all;    ///< amount of everything
};

INLINE void add_to(weight_bins &bins, u32 bin, u64 amount) {
  const u32 low = (u32)amount, old = atomicAdd(&bins.low[bin], low);
  const u32 high = (u32)(amount >> 32) + ((u32)(old + low) < old ? 1 : 0);
  if (high > 0) atomicAdd(&bins.high[bin], high);
}

INLINE u64 amount_in(const weight_bins &bins, int bin) { return (u64)bins.high[bin] << 32 | bins.low[bin]; }

/// The bin in which the sum from the highest bin down becomes enough, by one group of lanes.
template <class ENOUGH>
INLINE void find_bin(const weight_bins &bins, const descent &so_far, bool is_first, ENOUGH is_enough, int *bin, descent *found) {
  const int lane = lane_index(), lowest = BINS - LANE_BINS * (lane + 1);
  u64 own = 0;
  // Lanes begin at different banks.
  for (int i = 0; i < LANE_BINS; i++) own += amount_in(bins, lowest + (i ^ lane));
  u64 sum = own;
  for (int step = 1; step < GROUP; step *= 2) {
    const u64 other = from_lane(sum, (lane - step) & (GROUP - 1));
    if (lane >= step) sum += other;
  }
  const u64 total = from_lane(sum, GROUP - 1), all = is_first ? total : so_far.all;
  u64 above = so_far.above + sum - own;
  if (is_enough(above, all) || !is_enough(above + own, all)) return;
  int place = lowest + LANE_BINS - 1;
  while (place > lowest && !is_enough(above + amount_in(bins, place), all)) above += amount_in(bins, place--);
  *bin = place;
  found->above = above;
  found->at = amount_in(bins, place);
  found->all = all;
}

/// The largest value from `least` to `most` down to which there is enough.
///
/// `each` calls what it is given with the value and the amount of each element, and may leave out those beyond the bounds; amounts
/// are functions, called only where they count. `is_enough` is told the amount down to a value and that of all elements; it is
/// false for nothing, true for all, and does not change back. Called by all threads of the block.
template <class EACH, class ENOUGH>
INLINE descent descend(weight_bins &bins, u32 least, u32 most, EACH each, ENOUGH is_enough) {
  __shared__ descent found;
  __shared__ int bin;
  descent result = {};
  bool is_first = true;
  do {
    const u32 span = most - least;
    const int bits = 32 - __clz((int)span), shift = bits > DIGIT_BITS ? bits - DIGIT_BITS : 0;
    for (int i = threadIdx.x; i < BINS; i += blockDim.x) bins.low[i] = bins.high[i] = 0;
    __syncthreads();
    each([&](u32 value, auto amount) {
      if (value - least > span) return;
      const u64 n = amount();
      if (n > 0) add_to(bins, (value - least) >> shift, n);
    });
    __syncthreads();
    if (group_index() == 0) find_bin(bins, result, is_first, is_enough, &bin, &found);
    __syncthreads();
    result = found;
    least += (u32)bin << shift;
    const u32 width = (1u << shift) - 1;
    if (most - least > width) most = least + width;
    is_first = false;
  } while (least < most);
  result.value = least;
  return result;
}

// --- Numbers of SamplingRule.swift -----------------------------------------------------------------------------------

/// exp(-distance) in units of 2^-40.
INLINE u64 sampling_weight(float distance) {
  if (!(distance < 28.0f)) return 0;
  const u64 exponent = (u64)(u32)(distance * 0x1p27f) * 3098164009u;
  const u32 fraction = (u32)(exponent >> 26);
  const u32 coefficients[6] = {2734809u, 20568337u, 119164179u, 515877632u, 1488521968u, 2147483648u};
  u32 power = 233163u;
#pragma unroll
  for (int i = 0; i < 6; i++) power = coefficients[i] - (u32)((u64)fraction * power >> 32);
  return (u64)power << 9 >> (exponent >> 58);
}

/// The first 64 bits of Philox4x32-10 (Salmon et al., 2011) at a position under a seed.
INLINE u64 random_word(const martlet_gpu_sampling &rule) {
  u32 counter[4] = {rule.position[0], rule.position[1], 0, 0}, key[2] = {rule.seed[0], rule.seed[1]};
  for (int round = 0; round < 10; round++) {
    const u64 first = (u64)counter[0] * 0xd2511f53u, second = (u64)counter[2] * 0xcd9e8d57u;
    counter[0] = (u32)(second >> 32) ^ counter[1] ^ key[0];
    counter[1] = (u32)second;
    counter[2] = (u32)(first >> 32) ^ counter[3] ^ key[1];
    counter[3] = (u32)first;
    key[0] += 0x9e3779b9u;
    key[1] += 0xbb67ae85u;
  }
  return (u64)counter[1] << 32 | counter[0];
}

/// Integers from 1 up in the order of the numbers.
INLINE u32 key_of(float v) { return (u32)order_of(v) ^ 0x80000000u; }
INLINE float value_of_key(u32 key) {
  const int order = (int)(key ^ 0x80000000u);
  return __int_as_float(order ^ (order >> 31 & 0x7fffffff));
}
enum : u32 { KEY_OF_LEAST = 0x007fffffu, KEY_OF_INFINITY = 0xff800000u };

// --- The kernel ------------------------------------------------------------------------------------------------------

/// Calls `visit` with every token that is this thread's, and its logit.
template <class VISIT>
INLINE void each_token(const martlet_gpu_sample &a, VISIT visit) {
  const float *row = row_of<float>(a.logits, blockIdx.x);
  for (int column = threadIdx.x * CHUNK; column < a.width; column += blockDim.x * CHUNK) {
    float v[CHUNK];
    load(row + column, a.width - column, a.logits.aligned, v);
#pragma unroll
    for (int k = 0; k < CHUNK; k++)
      if (column + k < a.width) visit(column + k, v[k]);
  }
}

INLINE void keep_larger(u32 &best, int &place, u32 other, int other_place) {
  if (other > best || (other == best && other_place < place)) {
    best = other;
    place = other_place;
  }
}

/// The block's largest key and its first token, in every thread.
INLINE void largest_of_block(u32 &best, int &place) {
  __shared__ u32 bests[1024 / GROUP];
  __shared__ int places[1024 / GROUP];
#pragma unroll
  for (int mask = GROUP / 2; mask > 0; mask /= 2) {
    const u32 other = from_lane_xor(best, mask);
    const int other_place = from_lane_xor(place, mask);
    keep_larger(best, place, other, other_place);
  }
  if (lane_index() == 0) {
    bests[group_index()] = best;
    places[group_index()] = place;
  }
  __syncthreads();
  for (int i = 0; i < blockDim.x / GROUP; i++) keep_larger(best, place, bests[i], places[i]);
}

KERNEL(1024) sample_f32(const martlet_gpu_sample a) {
  __shared__ weight_bins bins;
  const martlet_gpu_sampling rule = a.rules[blockIdx.x];
  u32 own = 0;
  int place = 0x7fffffff;
  each_token(a, [&](int token, float v) { keep_larger(own, place, key_of(v), token); });
  u32 most = own;
  largest_of_block(most, place);
  const bool is_usable = most > KEY_OF_LEAST && most < KEY_OF_INFINITY;
  if (!is_usable || rule.temperature == 0) {
    if (threadIdx.x == 0) a.out[blockIdx.x] = is_usable ? place : -1;
    return;
  }
  const float highest = value_of_key(most);
  const auto weigh = [&](float v) { return sampling_weight((highest - v) / rule.temperature); };
  const auto one = [] { return (u64)1; };
  // What is kept: keys from `least` up, and of the tokens with just that key those up to `last`.
  u32 least = 0, last = ~0u;

  if (rule.top_k > 0 && rule.top_k < a.width) {
    const auto are_enough = [&](u64 count, u64) { return count >= (u64)rule.top_k; };
    // So many threads have a token of at least this key, and so many tokens are wanted: others need no counting.
    if (rule.top_k <= blockDim.x) least = descend(bins, 0, most, [&](auto visit) { visit(own, one); }, are_enough).value;
    const auto keys = [&](auto visit) { each_token(a, [&](int, float v) { visit(key_of(v), one); }); };
    least = descend(bins, least, most, keys, are_enough).value;
  }
  if (rule.top_p < 1) {
    const auto is_enough = [&](u64 sum, u64 all) { return (double)sum >= (double)rule.top_p * (double)all; };
    const auto weights = [&](auto visit) { each_token(a, [&](int, float v) { visit(key_of(v), [&] { return weigh(v); }); }); };
    const descent found = descend(bins, least, most, weights, is_enough);
    least = found.value;
    // Of equal tokens the first are kept, no more than it takes.
    const u64 weight = weigh(value_of_key(least)), ties = found.at / weight;
    u64 count = 1, enough = ties;
    while (count < enough) {
      const u64 middle = (count + enough) / 2;
      if (is_enough(found.above + middle * weight, found.all)) {
        enough = middle;
      } else {
        count = middle + 1;
      }
    }
    if (count < ties) {
      const auto equals = [&](auto visit) {
        each_token(a, [&](int token, float v) {
          if (key_of(v) == least) visit(~(u32)token, one);
        });
      };
      last = ~descend(bins, ~(u32)(a.width - 1), ~0u, equals, [&](u64 sum, u64) { return sum >= count; }).value;
    }
  }
  // Tokens in order, so values fall as they rise.
  const u64 random = random_word(rule);
  const auto kept = [&](auto visit) {
    each_token(a, [&](int token, float v) {
      const u32 key = key_of(v);
      if (key < least || (key == least && (u32)token > last)) return;
      visit(~(u32)token, [&] {
        const u64 weight = weigh(v);
        return (double)weight >= (double)rule.min_p * 0x1p40 ? weight : 0;
      });
    });
  };
  const auto is_past = [&](u64 sum, u64 all) { return sum > __umul64hi(random, all); };
  const u32 drawn = ~descend(bins, ~(u32)(a.width - 1), ~0u, kept, is_past).value;
  if (threadIdx.x == 0) a.out[blockIdx.x] = (int)drawn;
}
