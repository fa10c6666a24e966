// Operators against their definitions in double precision, and what they refuse.
#include "check.h"

#include <math.h>

enum { TOKENS = 5, HEADS = 4, KEY_HEADS = 2, WIDTH = 8, KEYS = 7 };

static float *fill(size_t count, uint64_t seed) {
  float *values = malloc(count * sizeof *values);
  for (size_t i = 0; i < count; i++) values[i] = noise(&seed);
  return values;
}

static void test_rows(void) {
  const int64_t shape[2] = {TOKENS, WIDTH};
  size_t count = TOKENS * WIDTH;
  float *a = fill(count, 1), *b = fill(count, 2), *weight = fill(WIDTH, 3), expected[TOKENS * WIDTH];
  martlet_tensor_t ta = tensor_of(a, 2, shape), tb = tensor_of(b, 2, shape), out = empty_of(MARTLET_DTYPE_F32, 2, shape);
  martlet_tensor_t tw = tensor_of(weight, 1, &shape[1]), narrow = empty_of(MARTLET_DTYPE_BF16, 2, shape);

  for (size_t i = 0; i < count; i++) expected[i] = a[i] + b[i];
  OK(martlet_add(out, ta, tb));
  CHECK(holds(out, expected, count, 0));
  for (size_t i = 0; i < count; i++) expected[i] = (float)(b[i] * (a[i] / (1 + exp(-(double)a[i]))));
  OK(martlet_swiglu(out, ta, tb));
  CHECK(holds(out, expected, count, 1e-6f));

  for (size_t row = 0; row < TOKENS; row++) {
    double sum = 0;
    for (size_t i = 0; i < WIDTH; i++) sum += (double)a[row * WIDTH + i] * a[row * WIDTH + i];
    for (size_t i = 0; i < WIDTH; i++) {
      expected[row * WIDTH + i] = (float)(a[row * WIDTH + i] / sqrt(sum / WIDTH + 1e-5) * weight[i]);
    }
  }
  OK(martlet_rms_norm(out, ta, tw, 1e-5f));
  CHECK(holds(out, expected, count, 1e-6f));
  // The fused form gives the same after adding nothing.
  martlet_tensor_t zero, fused = empty_of(MARTLET_DTYPE_F32, 2, shape);
  float zeros[TOKENS * WIDTH] = {0};
  zero = tensor_of(zeros, 2, shape);
  OK(martlet_add_rms_norm(fused, zero, ta, tw, 1e-5f));
  CHECK(holds(fused, expected, count, 1e-6f) && holds(zero, a, count, 0));

  OK(martlet_convert(narrow, ta));
  OK(martlet_convert(out, narrow));
  CHECK(holds(out, a, count, 1.0f / 256));
  FAILS(martlet_add(out, ta, narrow), MARTLET_INVALID_ARGUMENT, "Add: b must be of type f32");
  FAILS(martlet_add(out, ta, tw), MARTLET_INVALID_ARGUMENT, "Add: b must be of shape [5, 8]");
  FAILS(martlet_add(NULL, ta, tb), MARTLET_INVALID_HANDLE, "Add: out");
  FAILS(martlet_rms_norm(out, ta, ta, 1e-5f), MARTLET_INVALID_ARGUMENT, "RMSNorm: weight");
  FAILS(martlet_swiglu(out, tw, tb), MARTLET_INVALID_ARGUMENT, "SwiGLU: up");
  martlet_tensor_t bytes = empty_of(MARTLET_DTYPE_F64, 2, shape);
  FAILS(martlet_add(out, ta, bytes), MARTLET_INVALID_ARGUMENT, "Add: b must be of a type that operators know");
  FAILS(martlet_rearrange(out, bytes), MARTLET_INVALID_ARGUMENT, "Rearrange: out");

  float largest[TOKENS];
  int64_t places[TOKENS], found[TOKENS];
  for (size_t row = 0; row < TOKENS; row++) {
    places[row] = 0;
    for (size_t i = 1; i < WIDTH; i++) {
      if (a[row * WIDTH + i] > a[row * WIDTH + (size_t)places[row]]) places[row] = (int64_t)i;
    }
    largest[row] = a[row * WIDTH + (size_t)places[row]];
  }
  martlet_tensor_t index = empty_of(MARTLET_DTYPE_I64, 1, shape), value = empty_of(MARTLET_DTYPE_F32, 1, shape);
  OK(martlet_argmax(index, value, ta));
  OK(martlet_tensor_read(index, found, sizeof found));
  CHECK(memcmp(found, places, sizeof found) == 0 && holds(value, largest, TOKENS, 0));
  FAILS(martlet_argmax(value, value, ta), MARTLET_INVALID_ARGUMENT, "Argmax: index must be of type i64");
  FAILS(martlet_argmax(index, value, tw), MARTLET_INVALID_ARGUMENT, "Argmax: index must be of shape [1]");

  martlet_tensor_t all[] = {ta, tb, out, tw, narrow, zero, fused, bytes, index, value};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) OK(martlet_tensor_free(all[i]));
  free(a);
  free(b);
  free(weight);
}

static void test_linear_and_embedding(void) {
  enum { ROWS = 6 };
  float *x = fill(TOKENS * WIDTH, 4), *w = fill(ROWS * WIDTH, 5), *bias = fill(ROWS, 6), expected[TOKENS * ROWS];
  martlet_tensor_t tx = tensor_of(x, 2, (int64_t[]){TOKENS, WIDTH}), tw = tensor_of(w, 2, (int64_t[]){ROWS, WIDTH});
  martlet_tensor_t tb = tensor_of(bias, 1, (int64_t[]){ROWS}), out = empty_of(MARTLET_DTYPE_F32, 2, (int64_t[]){TOKENS, ROWS});
  for (int with = 0; with < 2; with++) {
    for (size_t token = 0; token < TOKENS; token++) {
      for (size_t row = 0; row < ROWS; row++) {
        double sum = with ? bias[row] : 0;
        for (size_t i = 0; i < WIDTH; i++) sum += (double)x[token * WIDTH + i] * w[row * WIDTH + i];
        expected[token * ROWS + row] = (float)sum;
      }
    }
    OK(martlet_linear(out, tx, tw, with ? tb : NULL));
    CHECK(holds(out, expected, TOKENS * ROWS, 1e-6f));
  }
  FAILS(martlet_linear(out, tx, tb, NULL), MARTLET_INVALID_ARGUMENT, "Linear: weight");
  FAILS(martlet_linear(out, tw, tx, NULL), MARTLET_INVALID_ARGUMENT, "Linear: out");
  FAILS(martlet_linear(out, tx, tw, tx), MARTLET_INVALID_ARGUMENT, "Linear: bias");

  const int64_t rows[3] = {5, 0, 3}, wrong[3] = {0, 6, 1}, negative[3] = {0, 1, -1}, far[3] = {INT64_MAX, INT64_MIN, 0};
  martlet_tensor_t picked = empty_of(MARTLET_DTYPE_F32, 2, (int64_t[]){3, WIDTH});
  martlet_tensor_t ids = indices_of(rows, 3), bad[3] = {indices_of(wrong, 3), indices_of(negative, 3), indices_of(far, 3)};
  OK(martlet_embedding(picked, ids, tw));
  for (size_t i = 0; i < 3; i++) {
    martlet_tensor_t row;
    OK(martlet_tensor_slice(picked, 0, (int64_t)i, (int64_t)i + 1, &row));
    CHECK(holds(row, w + rows[i] * WIDTH, WIDTH, 0));
    OK(martlet_tensor_free(row));
  }
  FAILS(martlet_embedding(picked, bad[0], tw), MARTLET_INVALID_ARGUMENT, "Embedding: ids[1] must be 0 to 5, not 6");
  FAILS(martlet_embedding(picked, bad[1], tw), MARTLET_INVALID_ARGUMENT, "Embedding: ids[2] must be 0 to 5, not -1");
  FAILS(martlet_embedding(picked, bad[2], tw), MARTLET_INVALID_ARGUMENT, "Embedding: ids[0]");
  FAILS(martlet_embedding(picked, tx, tw), MARTLET_INVALID_ARGUMENT, "Embedding: ids must be of type i64");

  // Nothing to do is no reason to calculate with sizes.
  martlet_tensor_t none = empty_of(MARTLET_DTYPE_I64, 1, (int64_t[]){0});
  martlet_tensor_t wide = empty_of(MARTLET_DTYPE_F32, 2, (int64_t[]){0, 1LL << 40});
  OK(martlet_embedding(wide, none, wide));
  martlet_tensor_t heads = empty_of(MARTLET_DTYPE_F32, 3, (int64_t[]){0, 1, 1LL << 40});
  OK(martlet_rope(heads, heads, none, 10000));
  martlet_tensor_t all[] = {tx, tw, tb, out, picked, ids, bad[0], bad[1], bad[2], none, wide, heads};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) OK(martlet_tensor_free(all[i]));
  free(x);
  free(w);
  free(bias);
}

static void test_heads(void) {
  const int64_t shape[3] = {TOKENS, HEADS, WIDTH}, key_shape[3] = {KEYS, KEY_HEADS, WIDTH};
  float *q = fill(TOKENS * HEADS * WIDTH, 7), *k = fill(KEYS * KEY_HEADS * WIDTH, 8), *v = fill(KEYS * KEY_HEADS * WIDTH, 9);
  float expected[TOKENS * HEADS * WIDTH];
  martlet_tensor_t tq = tensor_of(q, 3, shape), tk = tensor_of(k, 3, key_shape), tv = tensor_of(v, 3, key_shape);
  martlet_tensor_t out = empty_of(MARTLET_DTYPE_F32, 3, shape);
  const float scale = 0.35f;
  for (size_t token = 0; token < TOKENS; token++) {
    for (size_t head = 0; head < HEADS; head++) {
      size_t key_head = head / (HEADS / KEY_HEADS), seen = token + KEYS - TOKENS + 1;
      double scores[KEYS], sum = 0;
      for (size_t key = 0; key < seen; key++) {
        double score = 0;
        for (size_t i = 0; i < WIDTH; i++) {
          score += (double)q[(token * HEADS + head) * WIDTH + i] * k[(key * KEY_HEADS + key_head) * WIDTH + i];
        }
        sum += scores[key] = exp(score * scale);
      }
      for (size_t i = 0; i < WIDTH; i++) {
        double value = 0;
        for (size_t key = 0; key < seen; key++) value += scores[key] / sum * v[(key * KEY_HEADS + key_head) * WIDTH + i];
        expected[(token * HEADS + head) * WIDTH + i] = (float)value;
      }
    }
  }
  OK(martlet_self_attention(out, tq, tk, tv, scale));
  CHECK(holds(out, expected, TOKENS * HEADS * WIDTH, 1e-5f));
  FAILS(martlet_self_attention(out, tk, tq, tv, scale), MARTLET_INVALID_ARGUMENT, "SelfAttention: q");
  FAILS(martlet_self_attention(tk, tq, tk, tv, scale), MARTLET_INVALID_ARGUMENT, "SelfAttention: out");

  const int64_t positions[TOKENS] = {0, 1, 7, 100, 5000}, wrong[TOKENS] = {0, 1, 2, -1, 3}, far[TOKENS] = {1LL << 40};
  martlet_tensor_t places = indices_of(positions, TOKENS), bad = indices_of(wrong, TOKENS), beyond = indices_of(far, TOKENS);
  for (size_t token = 0; token < TOKENS; token++) {
    for (size_t head = 0; head < HEADS; head++) {
      const float *x = q + (token * HEADS + head) * WIDTH;
      float *y = expected + (token * HEADS + head) * WIDTH;
      for (size_t i = 0; i < WIDTH / 2; i++) {
        double angle = (double)positions[token] / pow(10000, 2.0 * (double)i / WIDTH);
        y[i] = (float)(x[i] * cos(angle) - x[i + WIDTH / 2] * sin(angle));
        y[i + WIDTH / 2] = (float)(x[i + WIDTH / 2] * cos(angle) + x[i] * sin(angle));
      }
    }
  }
  OK(martlet_rope(out, tq, places, 10000));
  CHECK(holds(out, expected, TOKENS * HEADS * WIDTH, 5e-4f));
  OK(martlet_rope(tq, tq, places, 10000));
  CHECK(holds(tq, expected, TOKENS * HEADS * WIDTH, 5e-4f));
  FAILS(martlet_rope(out, tq, bad, 10000), MARTLET_INVALID_ARGUMENT, "RoPE: positions[3] must be 0 to 16777216, not -1");
  FAILS(martlet_rope(out, tq, beyond, 10000), MARTLET_INVALID_ARGUMENT, "RoPE: positions[0]");
  FAILS(martlet_rope(out, tq, places, -1), MARTLET_INVALID_ARGUMENT, "RoPE: theta");
  FAILS(martlet_rope(out, tk, places, 10000), MARTLET_INVALID_ARGUMENT, "RoPE: out");
  martlet_tensor_t all[] = {tq, tk, tv, out, places, bad, beyond};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) OK(martlet_tensor_free(all[i]));
  free(q);
  free(k);
  free(v);
}

/// A tensor in memory of the test; strides may be null.
static martlet_tensor_t look(void *values, martlet_dtype dtype, size_t dimensions, const int64_t *shape, const int64_t *strides) {
  martlet_memory memory = {
      .struct_size = sizeof memory, .data = values, .dimensions = dimensions, .shape = shape, .strides = strides, .dtype = dtype};
  martlet_tensor_t tensor = NULL;
  OK(martlet_tensor_borrow(&memory, &tensor));
  return tensor;
}

static void test_overlap(void) {
  enum { SIDE = 8, COUNT = SIDE * SIDE };
  _Alignas(16) float values[3 * COUNT], others[COUNT];
  for (size_t i = 0; i < 3 * COUNT; i++) values[i] = (float)i;
  for (size_t i = 0; i < COUNT; i++) others[i] = 1;
  const int64_t shape[] = {SIDE, SIDE}, line[] = {SIDE}, cube[] = {SIDE, 1, SIDE};
  const martlet_dtype f32 = MARTLET_DTYPE_F32;
  martlet_tensor_t x = look(values, f32, 2, shape, NULL), shifted = look(values + 1, f32, 2, shape, NULL);
  martlet_tensor_t behind = look(values + 2 * COUNT, f32, 2, shape, NULL), turned = look(values, f32, 2, shape, (int64_t[]){1, SIDE});
  martlet_tensor_t y = look(others, f32, 2, shape, NULL), row = look(values + 3, f32, 1, line, NULL);
  martlet_tensor_t ones = look(others, f32, 1, line, NULL), half = look(values, MARTLET_DTYPE_BF16, 2, shape, NULL);
  martlet_tensor_t heads = look(values, f32, 3, cube, NULL), keys = look(others, f32, 3, cube, NULL);
  martlet_tensor_t index = look(values, MARTLET_DTYPE_I64, 1, line, NULL), odd = look(values + 1, f32, 3, cube, NULL);
#define APART(call, words) FAILS(call, MARTLET_INVALID_ARGUMENT, words)
  APART(martlet_linear(x, x, y, NULL), "Linear: out must be apart from x in memory");
  APART(martlet_linear(x, y, x, NULL), "Linear: out must be apart from weight in memory");
  APART(martlet_linear(x, y, y, row), "Linear: out must be apart from bias in memory");
  APART(martlet_add(shifted, x, y), "Add: out must be a itself or apart from it in memory");
  APART(martlet_add(x, y, shifted), "Add: out must be b itself or apart from it in memory");
  APART(martlet_rms_norm(shifted, x, ones, 1e-5f), "RMSNorm: out must be apart from x");
  APART(martlet_rms_norm(x, y, row, 1e-5f), "RMSNorm: out must be apart from weight");
  APART(martlet_add_rms_norm(x, x, y, ones, 1e-5f), "AddRMSNorm: out must be apart from residual");
  APART(martlet_add_rms_norm(behind, x, shifted, ones, 1e-5f), "AddRMSNorm: residual must be apart from x");
  APART(martlet_argmax(index, row, y), "Argmax: index must be apart from value");
  APART(martlet_argmax(index, ones, x), "Argmax: index must be apart from x");
  APART(martlet_rearrange(shifted, x), "Rearrange: out must be apart from x");
  APART(martlet_rearrange(x, turned), "Rearrange: out must be apart from x");
  APART(martlet_convert(half, x), "Convert: out must be apart from x");
  APART(martlet_swiglu(shifted, y, x), "SwiGLU: out must be apart from up");
  APART(martlet_self_attention(heads, heads, keys, keys, 1), "SelfAttention: out must be apart from q");
  APART(martlet_self_attention(heads, keys, keys, odd, 1), "SelfAttention: out must be apart from v");
  martlet_tensor_t places = indices_of((int64_t[SIDE]){0}, SIDE);
  APART(martlet_rope(odd, heads, places, 10000), "RoPE: out must be x itself or apart from it in memory");
  for (size_t i = 0; i < 3 * COUNT; i++) CHECK(values[i] == (float)i);
  // Indices that were checked must not become others while they are read.
  memset(values, 0, sizeof values);
  APART(martlet_rope(heads, keys, index, 10000), "RoPE: out must be apart from positions");
  APART(martlet_embedding(x, index, y), "Embedding: out must be apart from ids");
  APART(martlet_embedding(x, places, x), "Embedding: out must be apart from table");

  // What is allowed: exactly the input, neighbours, and columns of one matrix.
  for (size_t i = 0; i < 3 * COUNT; i++) values[i] = (float)i;
  OK(martlet_add(x, x, y));
  CHECK(values[0] == 1 && values[COUNT - 1] == COUNT);
  OK(martlet_add(x, x, x));
  CHECK(values[0] == 2 && values[COUNT - 1] == 2 * COUNT);
  OK(martlet_rearrange(behind, turned));
  CHECK(values[2 * COUNT + 1] == values[SIDE]);
  const int64_t narrow[] = {SIDE, SIDE / 2}, rows[] = {SIDE, 1};
  martlet_tensor_t left = look(values, f32, 2, narrow, rows), right = look(values + SIDE / 2, f32, 2, narrow, rows);
  martlet_tensor_t middle = look(values + SIDE / 2 - 1, f32, 2, narrow, rows);
  OK(martlet_rearrange(left, right));
  OK(martlet_rearrange(right, left));
  OK(martlet_add(left, left, right));
  CHECK(values[0] == 2 * values[SIDE / 2] && values[COUNT - SIDE] == 2 * values[COUNT - SIDE / 2]);
  APART(martlet_rearrange(left, middle), "Rearrange: out must be apart from x");
  APART(martlet_rearrange(middle, right), "Rearrange: out must be apart from x");

  const float wrong[] = {NAN, INFINITY, -INFINITY};
  for (size_t i = 0; i < 3; i++) {
    FAILS(martlet_rms_norm(x, y, ones, wrong[i]), MARTLET_INVALID_ARGUMENT, "RMSNorm: epsilon must be finite");
    FAILS(martlet_add_rms_norm(x, behind, y, ones, wrong[i]), MARTLET_INVALID_ARGUMENT, "AddRMSNorm: epsilon must be finite");
    FAILS(martlet_self_attention(heads, keys, keys, keys, wrong[i]), MARTLET_INVALID_ARGUMENT, "SelfAttention: scale must be finite");
  }
  FAILS(martlet_rms_norm(x, y, ones, -1), MARTLET_INVALID_ARGUMENT, "RMSNorm: epsilon");
  OK(martlet_rms_norm(x, y, ones, 0));
  OK(martlet_self_attention(heads, keys, keys, keys, -1));
  martlet_tensor_t all[] = {x, shifted, behind, turned, y, row, ones, half, heads, keys, index, odd, places, left, right, middle};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) OK(martlet_tensor_free(all[i]));
}

void test_operators(void) {
  test_rows();
  test_linear_and_embedding();
  test_heads();
  test_overlap();
}
