/// A library of matrix products that multiplies nothing: it checks what it is asked, and counts. It knows no way for odd
/// numbers of columns.
#pragma once

#include "martlet_cublaslt.h"

#pragma clang assume_nonnull begin

typedef struct {
  int live;       ///< objects
  int questions;  ///< for a way to calculate a shape
  int products;
  int last_algorithm;
  const void *_Nullable last_bias, *_Nullable last_weight, *_Nullable last_x, *_Nullable last_out;
} fake_cublaslt_state;

void fake_cublaslt_reset(void);
fake_cublaslt_state *fake_cublaslt(void);
martlet_cublaslt_functions fake_cublaslt_functions(void);

#pragma clang assume_nonnull end
