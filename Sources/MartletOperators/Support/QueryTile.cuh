// Which queries a unit of attention with many of them has: `martlet_gpu_attention_tile`. Only kernels for matrix units take
// units of many.

#if defined(MT_PLATFORM_NVIDIA)

/// A unit's queries.
struct query_tile {
  int head;                ///< of the keys
  int first, tokens;       ///< its tokens, as rows of q and out
  int least, limit;        ///< how many keys the first and the last token see, those before a window counted
  const int *table;        ///< the sequence's cache blocks

  INLINE int token(const martlet_gpu_attention_tile &a, int row) const { return first + min(row / a.group, tokens - 1); }
};

template <bool PAGED>
INLINE int keys_of(const martlet_gpu_attention_tile &a, int token) {
  return PAGED ? a.positions[token] + 1 : token + a.keys - a.queries + 1;
}

/// Finds a unit's queries, at most `rows` times the group; false if it has none: there are enough units for every division
/// of the tokens.
template <bool PAGED>
INLINE bool find_tile(const martlet_gpu_attention_tile &a, int unit, int rows, query_tile &tile) {
  const int most = rows / a.group;
  if (unit >= a.units) return false;
  tile.head = unit % a.key_heads;
  // The last ones have most keys and go first.
  int index = (a.units - 1 - unit) / a.key_heads;
  int start = 0, end = a.queries, sequence = 0;
  for (; PAGED && sequence < a.sequences; sequence++) {
    start = a.starts[sequence], end = a.starts[sequence + 1];
    const int tiles = (end - start + most - 1) / most;
    if (index < tiles) break;
    index -= tiles;
  }
  tile.first = start + index * most;
  tile.tokens = min(most, end - tile.first);
  if (tile.tokens <= 0 || (PAGED && sequence == a.sequences)) return false;
  tile.table = PAGED ? a.tables + (i64)sequence * a.table_width : 0;
  tile.least = keys_of<PAGED>(a, tile.first);
  tile.limit = keys_of<PAGED>(a, tile.first + tile.tokens - 1);
  return true;
}

/// Keys or values of a tile's head; of each the piece of 16 bytes that a thread copies.
template <class T, int D, bool PAGED>
struct head_rows {
  const T *base;
  const int *table;
  i64 stride;        ///< of keys in a plain tensor
  int block_stride;  ///< of blocks in the cache
  int last;          ///< key

  INLINE head_rows(const martlet_gpu_attention_tile &a, const query_tile &tile, const void *all, const long long *strides,
                   int piece)
      : base((const T *)all + (PAGED ? (i64)tile.head * (CACHE_BLOCK * D) : tile.head * strides[1]) + piece * 8),
        table(tile.table), stride(strides[0]), block_stride(a.key_heads * (CACHE_BLOCK * D)), last(tile.limit - 1) {}

  /// The cache block of a key.
  INLINE int block(int key) const { return PAGED ? table[min(key, last) / CACHE_BLOCK] : 0; }

  /// Asks for the piece of a key; zeros beyond the last, whose address stands for theirs.
  INLINE void fetch(T *to, int key, int block) const {
    const int there = min(key, last);
    copy_ahead(to, base + (PAGED ? (i64)block * block_stride + there % CACHE_BLOCK * D : there * stride), key <= last);
  }
};

/// Whether queries and results are f32, over a cache of another type.
template <bool PAGED>
INLINE bool is_wide(const martlet_gpu_attention_tile &a) {
  return PAGED && a.wide;
}

/// Eight elements of a query to shared memory; those of f32 are rounded to the keys' type on the way.
template <bool PAGED, class T>
INLINE void fetch_query(const martlet_gpu_attention_tile &a, T *to, int token, int head, int column, bool is_there) {
  const i64 place = is_there ? token * a.q_strides[0] + head * a.q_strides[1] + column : 0;
  if (!is_wide<PAGED>(a)) {
    copy_ahead(to, (const T *)a.q + place, is_there);
    return;
  }
  float v[CHUNK];
  load((const float *)a.q + place, CHUNK, true, v);
  u32 pairs[4];
#pragma unroll
  for (int k = 0; k < 4; k++) pairs[k] = is_there ? narrow_pair<T>(v[2 * k], v[2 * k + 1]) : 0;
  *(uint4 *)to = uint4{pairs[0], pairs[1], pairs[2], pairs[3]};
}

/// Two elements of a result to f32.
INLINE void store_wide(const martlet_gpu_attention_tile &a, int token, int head, int column, float left, float right) {
  float *to = (float *)a.out + token * a.out_strides[0] + head * a.out_strides[1] + column;
  *(float2 *)to = float2{left, right};
}

#endif
