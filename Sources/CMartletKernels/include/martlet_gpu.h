/// What kernels are called with: each takes one of these structs. Swift fills them in, and the same text stands before
/// every kernel's source, so both sides agree on the layout. Only types that need no header.
#pragma once

/// Rows at equal distances.
typedef struct {
  void *base;
  long long stride;  ///< in elements
  int type;          ///< `enum martlet_type` of CMartletSIMD
  int aligned;       ///< whether every row starts at a multiple of 16 bytes
} martlet_gpu_rows;

typedef struct {
  martlet_gpu_rows a, b, out;
  long long count;
  int width;
} martlet_gpu_elementwise;

typedef struct {
  martlet_gpu_rows x, out;
  const void *ids;  ///< null: row i of out is row i of x
  long long table;  ///< rows of x that ids may name
  long long count;
  int width;
  int wide_ids;  ///< i64 rather than i32
} martlet_gpu_lookup;

typedef struct {
  martlet_gpu_rows x, residual, weight, out;
  int width;
  float epsilon;
} martlet_gpu_norm;

typedef struct {
  martlet_gpu_rows x;
  void *index, *value;
  int width;
  int wide_index;
} martlet_gpu_argmax;

/// How a token is chosen from a row of logits: `SamplingRule`.
typedef struct {
  float temperature;
  int top_k;
  float top_p, min_p;
  unsigned seed[2], position[2];  ///< low word first
} martlet_gpu_sampling;

typedef struct {
  martlet_gpu_rows logits;
  const martlet_gpu_sampling *rules;  ///< one a row
  int *out;
  int width;
} martlet_gpu_sample;

typedef struct {
  const void *source;
  void *out;
  long long count;  ///< units in all
  int dimensions;
  long long shape[8], source_strides[8], out_strides[8];  ///< in units
} martlet_gpu_rearrange;

enum { MARTLET_GPU_MOST_FREQUENCIES = 256 };

typedef struct {
  const void *x;
  void *out;
  const void *positions;
  long long x_strides[2], out_strides[2];  ///< of tokens and heads
  long long count;                         ///< tokens times heads times pairs
  int heads, half;
  int first, pairs;  ///< which of the head's pairs are turned
  int wide_positions;
  int quotients;  ///< whether positions are divided by the numbers, and not multiplied
  float frequencies[MARTLET_GPU_MOST_FREQUENCIES];
} martlet_gpu_rope;

typedef struct {
  const int *positions;
  const int *lengths;  ///< null where no speed depends on them
  float *out;
  long long count;  ///< tokens times half
  int half;
  float amplitude;
  double theta, factor, context;  ///< of scalings that depend on the length
  float frequencies[MARTLET_GPU_MOST_FREQUENCIES];
} martlet_gpu_rotations;

/// A paged cache on a GPU. Of one (block, head), keys and values alike are `[16 tokens][padded]`; with Q8_0 bytes, and an
/// f16 scale of each token's 32 neighbouring dimensions follows them, `[16 tokens][groups]`.
typedef struct {
  void *keys, *values;
  long long head_bytes;  ///< of one head in one block
  int key_heads;
  int dimension, padded;
  int type;
} martlet_gpu_cache;

typedef struct {
  martlet_gpu_rows qkv;
  martlet_gpu_cache cache;
  const float *rotations;
  const int *slots;
  const void *query_norm, *key_norm;  ///< null without norms
  int query_norm_type, key_norm_type;
  float epsilon;
  int tokens, heads;
} martlet_gpu_append;

typedef struct {
  martlet_gpu_rows queries, out;
  martlet_gpu_cache cache;
  const int *starts, *positions, *tables;
  float *states;  ///< of segments, where several blocks share a token
  int sequences, table_width;
  int heads, group, segments;
  int window;  ///< 0 without one
  float scale;
} martlet_gpu_paged_attention;

typedef struct {
  const void *q, *k, *v;
  void *out;
  long long q_strides[2], k_strides[2], v_strides[2], out_strides[2];  ///< of tokens and heads
  int queries, keys, heads, group, dimension, value_dimension;
  int type;
  int aligned;  ///< whether every head of k starts at a multiple of 16 bytes
  float scale;
  float *states;  ///< of segments, where several blocks share a query
  int segments;
} martlet_gpu_self_attention;

/// Attention of many queries, over the paged cache or over plain tensors.
typedef struct {
  const void *q, *k, *v;
  void *out;
  long long q_strides[2], k_strides[2], v_strides[2], out_strides[2];  ///< of tokens and heads; the cache has its own
  const int *starts, *positions, *tables;                              ///< null for plain tensors
  int sequences, table_width;
  int queries, keys, key_heads, group;
  int window;  ///< 0 without one
  float scale;
  int wide;   ///< whether queries and results are f32
  int units;  ///< tiles times heads of the keys, some of which may be empty
} martlet_gpu_attention_tile;

typedef struct {
  martlet_gpu_rows x, out;
  martlet_gpu_rows weight;
  const void *bias;  ///< null without one
  int bias_type;
  int tokens, rows, columns;
  signed char *quants;  ///< activations in 8 bits, `[tokens][columns]`
  float *scales;        ///< `[tokens][columns / 32][2]`: a group's scale, and that times the sum of its quants
} martlet_gpu_linear;

/// What becomes of a fused product's sums. Sums come in pairs of rows of the weights.
enum martlet_gpu_ending {
  MARTLET_GPU_STORED,   ///< neighbours: to out
  MARTLET_GPU_ADDED,    ///< neighbours: added to out, the residual
  MARTLET_GPU_GATED,    ///< a gate of the first half and its partner of the second: their gated product to out
  MARTLET_GPU_ROTATED,  ///< the partners that a rotation turns: queries to out, keys and values to the cache
  MARTLET_GPU_CHOSEN,   ///< neighbours: logits to out, and each token's largest and its place
};

/// A product of few rows with what stands before and behind it. The weights come in pieces of rows.
typedef struct {
  martlet_gpu_rows x, out;
  const void *weight;
  long long row_bytes;
  const void *bias;  ///< null without one
  const void *norm;  ///< the gain of a norm of x; null without one
  int bias_type, norm_type;
  float epsilon;
  int tokens, rows, columns;
  int ending;
  int pairs;                               ///< of rows; as many as rows where each is on its own
  int pieces, piece_columns, piece_bytes;  ///< of a row, where rows are copied
  int stages, stage_bytes;                 ///< what a group of lanes holds of both rows' pieces, and what one takes of each
  int early;                               ///< bytes of a row that are brought nearer, where rows are read where they lie
  int ahead;                               ///< the same of the rows after those that are being multiplied
  int shared_out;                          ///< pairs that have their place; those after them go to who comes first
  martlet_gpu_cache cache;
  const float *rotations;
  const int *slots;
  int heads;  ///< query heads
  int *choices;
  void *chosen;  ///< the largest themselves, of out's type
  unsigned long long *candidates;  ///< `[tokens][blocks]`
  int *ticket;                     ///< zero before and after
  unsigned *taken;                 ///< how many of the pairs without a place are taken; zero before and after
} martlet_gpu_fused_linear;

typedef struct {
  martlet_gpu_rows queries, out;
  martlet_gpu_cache cache;
  const int *starts, *positions, *tables;
  float *states;  ///< of splits, `[tokens][key heads][splits][8][dimension + 2]`
  int *tickets;   ///< `[tokens][key heads]`, zero before and after
  int sequences, table_width;
  int heads, group;
  int splits;  ///< at most
  int window;  ///< 0 without one
  float scale;
} martlet_gpu_decode_attention;
