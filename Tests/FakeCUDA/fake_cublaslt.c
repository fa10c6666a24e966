#include "fake_cublaslt.h"

#include <stdlib.h>
#include <string.h>

enum { INVALID_VALUE = 7, NOT_SUPPORTED = 15 };

/// Any handle: what it is, and the numbers that it was given.
struct object {
  enum { HANDLE = 0x20, PRODUCT, LAYOUT, PREFERENCE } kind;
  uint64_t rows, columns;
  int64_t stride;
  int type, epilogue, is_transposed, alignments;
  size_t workspace;
  const void *bias;
};

static fake_cublaslt_state state;

void fake_cublaslt_reset(void) { memset(&state, 0, sizeof state); }
fake_cublaslt_state *fake_cublaslt(void) { return &state; }

static struct object *make(int kind) {
  struct object *o = calloc(1, sizeof *o);
  o->kind = kind;
  state.live++;
  return o;
}
static int drop(void *handle, int kind) {
  struct object *o = handle;
  if (o->kind != kind) return INVALID_VALUE;
  state.live--;
  free(o);
  return 0;
}

static int create(martlet_cublaslt_handle *handle) { return *handle = (martlet_cublaslt_handle)make(HANDLE), 0; }
static int destroy(martlet_cublaslt_handle handle) { return drop(handle, HANDLE); }
static int product_create(martlet_cublaslt_product *product, int compute_type, int scale_type) {
  if (compute_type != MARTLET_CUBLASLT_COMPUTE_F32 || scale_type != MARTLET_CUBLASLT_F32) return NOT_SUPPORTED;
  return *product = (martlet_cublaslt_product)make(PRODUCT), 0;
}
static int product_destroy(martlet_cublaslt_product product) { return drop(product, PRODUCT); }
static int product_set(martlet_cublaslt_product product, int attribute, const void *value, size_t bytes) {
  struct object *o = (struct object *)product;
  int number;
  if (attribute == MARTLET_CUBLASLT_PRODUCT_BIAS) {
    if (bytes != sizeof(void *)) return INVALID_VALUE;
    memcpy(&o->bias, value, bytes);
    return 0;
  }
  if (bytes != 4) return INVALID_VALUE;
  memcpy(&number, value, 4);
  switch (attribute) {
    case MARTLET_CUBLASLT_PRODUCT_TRANSPOSE_A: o->is_transposed = number == MARTLET_CUBLASLT_TRANSPOSED; return 0;
    case MARTLET_CUBLASLT_PRODUCT_EPILOGUE: o->epilogue = number; return 0;
    case MARTLET_CUBLASLT_PRODUCT_BIAS_TYPE: o->type = number; return 0;
    default: return INVALID_VALUE;
  }
}
static int layout_create(martlet_cublaslt_layout *layout, int type, uint64_t rows, uint64_t columns, int64_t stride) {
  if (stride < (int64_t)rows) return INVALID_VALUE;
  struct object *o = make(LAYOUT);
  o->type = type, o->rows = rows, o->columns = columns, o->stride = stride;
  return *layout = (martlet_cublaslt_layout)o, 0;
}
static int layout_destroy(martlet_cublaslt_layout layout) { return drop(layout, LAYOUT); }
static int preference_create(martlet_cublaslt_preference *preference) {
  return *preference = (martlet_cublaslt_preference)make(PREFERENCE), 0;
}
static int preference_destroy(martlet_cublaslt_preference preference) { return drop(preference, PREFERENCE); }
static int preference_set(martlet_cublaslt_preference preference, int attribute, const void *value, size_t bytes) {
  struct object *o = (struct object *)preference;
  if (attribute == MARTLET_CUBLASLT_PREFERENCE_WORKSPACE && bytes == 8) return memcpy(&o->workspace, value, 8), 0;
  const int operand = attribute - MARTLET_CUBLASLT_PREFERENCE_ALIGNMENT_A;
  if (operand < 0 || operand > 3 || bytes != 4) return INVALID_VALUE;
  return o->alignments++, 0;
}
static int choose(
    martlet_cublaslt_handle handle, martlet_cublaslt_product product, martlet_cublaslt_layout a,
    martlet_cublaslt_layout b, martlet_cublaslt_layout c, martlet_cublaslt_layout d,
    martlet_cublaslt_preference preference, int most, martlet_cublaslt_choice *choices, int *count) {
  const struct object *w = (struct object *)a, *x = (struct object *)b, *out = (struct object *)d;
  const struct object *asked = (struct object *)preference;
  state.questions++;
  *count = 0;
  // The weight is transposed, so both operands have the columns first; bias and result are of one type.
  if (!((struct object *)product)->is_transposed || w->rows != x->rows || out->rows != w->columns ||
      out->columns != x->columns || c != d || asked->workspace == 0 || asked->alignments != 4 || most != 1)
    return INVALID_VALUE;
  if (((struct object *)product)->epilogue == MARTLET_CUBLASLT_ADD_BIAS && ((struct object *)product)->type != out->type)
    return INVALID_VALUE;
  if (w->rows % 2 == 1) return NOT_SUPPORTED;
  *count = 1;
  choices[0].state = 0;
  choices[0].algorithm.data[0] = state.questions;
  return 0;
}
static int multiply(
    martlet_cublaslt_handle handle, martlet_cublaslt_product product, const void *alpha, const void *a,
    martlet_cublaslt_layout a_layout, const void *b, martlet_cublaslt_layout b_layout, const void *beta, const void *c,
    martlet_cublaslt_layout c_layout, void *d, martlet_cublaslt_layout d_layout,
    const martlet_cublaslt_algorithm *algorithm, void *workspace, size_t workspace_bytes,
    struct martlet_cu_stream_object *stream) {
  if (*(const float *)alpha != 1 || *(const float *)beta != 0 || workspace == NULL || workspace_bytes == 0)
    return INVALID_VALUE;
  state.products++;
  state.last_algorithm = (int)algorithm->data[0];
  state.last_bias = ((struct object *)product)->bias;
  state.last_weight = a, state.last_x = b, state.last_out = d;
  return 0;
}
static const char *status_name(int status) { return status == 0 ? "FAKE_SUCCESS" : "FAKE_FAILURE"; }
static size_t version(void) { return 130100; }

martlet_cublaslt_functions fake_cublaslt_functions(void) {
  return (martlet_cublaslt_functions){
#define FIELD(EXPORTED, NAME, PARAMETERS) .NAME = NAME,
      MARTLET_CUBLASLT_FUNCTIONS(FIELD)
#undef FIELD
          .status_name = status_name,
      .version = version,
  };
}
