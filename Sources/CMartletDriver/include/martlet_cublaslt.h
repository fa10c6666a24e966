/// NVIDIA's matrix products: types, numbers and signatures as its documentation gives them. (cuBLAS documentation, the
/// cuBLASLt API, version 12 and later.)
#pragma once

#include "martlet_library.h"

#include <stdint.h>

#pragma clang assume_nonnull begin

typedef int martlet_cublaslt_status;
typedef struct martlet_cublaslt_handle_object *martlet_cublaslt_handle;
typedef struct martlet_cublaslt_product_object *martlet_cublaslt_product;
typedef struct martlet_cublaslt_layout_object *martlet_cublaslt_layout;
typedef struct martlet_cublaslt_preference_object *martlet_cublaslt_preference;
struct martlet_cu_stream_object;

enum {
  /// `CUBLAS_STATUS_SUCCESS` and `CUBLAS_STATUS_NOT_SUPPORTED`
  MARTLET_CUBLASLT_SUCCESS = 0,
  MARTLET_CUBLASLT_NOT_SUPPORTED = 15,
  /// `cudaDataType_t`
  MARTLET_CUBLASLT_F32 = 0,
  MARTLET_CUBLASLT_F16 = 2,
  MARTLET_CUBLASLT_BF16 = 14,
  /// `CUBLAS_COMPUTE_32F`: sums in f32, f32 operands as they are.
  MARTLET_CUBLASLT_COMPUTE_F32 = 68,
  /// `CUBLAS_OP_T`
  MARTLET_CUBLASLT_TRANSPOSED = 1,
  /// `CUBLASLT_EPILOGUE_BIAS`
  MARTLET_CUBLASLT_ADD_BIAS = 4,
};

/// `cublasLtMatmulDescAttributes_t`
enum {
  MARTLET_CUBLASLT_PRODUCT_TRANSPOSE_A = 3,
  MARTLET_CUBLASLT_PRODUCT_EPILOGUE = 7,
  MARTLET_CUBLASLT_PRODUCT_BIAS = 8,
  MARTLET_CUBLASLT_PRODUCT_BIAS_TYPE = 26,
};

/// `cublasLtMatmulPreferenceAttributes_t`
enum {
  MARTLET_CUBLASLT_PREFERENCE_WORKSPACE = 1,
  MARTLET_CUBLASLT_PREFERENCE_ALIGNMENT_A = 5,  ///< in bytes, as the three that follow it: B, C, D
};

/// A way to calculate a product: `cublasLtMatmulAlgo_t`.
typedef struct {
  uint64_t data[8];
} martlet_cublaslt_algorithm;

/// `cublasLtMatmulHeuristicResult_t`
typedef struct {
  martlet_cublaslt_algorithm algorithm;
  size_t workspace;
  martlet_cublaslt_status state;
  float waves;
  int reserved[4];
} martlet_cublaslt_choice;

#define MARTLET_CUBLASLT_FUNCTIONS(X)                                                                                  \
  X("cublasLtCreate", create, (martlet_cublaslt_handle _Nullable *_Nonnull))                                           \
  X("cublasLtDestroy", destroy, (martlet_cublaslt_handle))                                                             \
  X("cublasLtMatmulDescCreate", product_create,                                                                        \
    (martlet_cublaslt_product _Nullable *_Nonnull, int compute_type, int scale_type))                                  \
  X("cublasLtMatmulDescDestroy", product_destroy, (martlet_cublaslt_product))                                          \
  X("cublasLtMatmulDescSetAttribute", product_set,                                                                     \
    (martlet_cublaslt_product, int attribute, const void *value, size_t bytes))                                        \
  X("cublasLtMatrixLayoutCreate", layout_create,                                                                       \
    (martlet_cublaslt_layout _Nullable *_Nonnull, int type, uint64_t rows, uint64_t columns, int64_t stride))          \
  X("cublasLtMatrixLayoutDestroy", layout_destroy, (martlet_cublaslt_layout))                                          \
  X("cublasLtMatmulPreferenceCreate", preference_create, (martlet_cublaslt_preference _Nullable *_Nonnull))            \
  X("cublasLtMatmulPreferenceDestroy", preference_destroy, (martlet_cublaslt_preference))                              \
  X("cublasLtMatmulPreferenceSetAttribute", preference_set,                                                            \
    (martlet_cublaslt_preference, int attribute, const void *value, size_t bytes))                                     \
  X("cublasLtMatmulAlgoGetHeuristic", choose,                                                                          \
    (martlet_cublaslt_handle, martlet_cublaslt_product, martlet_cublaslt_layout a, martlet_cublaslt_layout b,          \
     martlet_cublaslt_layout c, martlet_cublaslt_layout d, martlet_cublaslt_preference, int most,                      \
     martlet_cublaslt_choice *choices, int *count))                                                                    \
  X("cublasLtMatmul", multiply,                                                                                        \
    (martlet_cublaslt_handle, martlet_cublaslt_product, const void *alpha, const void *a, martlet_cublaslt_layout,     \
     const void *b, martlet_cublaslt_layout, const void *beta, const void *c, martlet_cublaslt_layout, void *d,        \
     martlet_cublaslt_layout, const martlet_cublaslt_algorithm *, void *_Nullable workspace, size_t workspace_bytes,   \
     struct martlet_cu_stream_object *_Nullable stream))

/// The library's functions.
typedef struct __attribute__((swift_attr("@Sendable"))) {
#define MARTLET_FIELD(EXPORTED, NAME, PARAMETERS) martlet_cublaslt_status (*_Nonnull NAME) PARAMETERS;
  MARTLET_CUBLASLT_FUNCTIONS(MARTLET_FIELD)
#undef MARTLET_FIELD
  const char *_Nonnull (*_Nonnull status_name)(martlet_cublaslt_status);
  size_t (*_Nonnull version)(void);
} martlet_cublaslt_functions;

/// Fills the table from an open `libcublasLt`; returns as `martlet_library_fill`.
const char *_Nullable martlet_cublaslt_fill(void *library, martlet_cublaslt_functions *table);

#pragma clang assume_nonnull end
