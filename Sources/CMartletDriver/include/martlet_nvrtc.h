/// NVIDIA's run-time compiler: CUDA C++ source in, machine code out. (NVRTC documentation, version 12 and later.)
#pragma once

#include "martlet_library.h"

#pragma clang assume_nonnull begin

typedef int martlet_nvrtc_result;
typedef struct martlet_nvrtc_program_object *martlet_nvrtc_program;

#define MARTLET_NVRTC_FUNCTIONS(X)                                                                                      \
  X("nvrtcVersion", version, (int *major, int *minor))                                                                  \
  X("nvrtcGetNumSupportedArchs", architecture_count, (int *count))                                                      \
  X("nvrtcGetSupportedArchs", architectures, (int *list))                                                               \
  X("nvrtcCreateProgram", create,                                                                                       \
    (martlet_nvrtc_program _Nullable *_Nonnull, const char *source, const char *name, int header_count,                 \
     const char *_Nullable const *_Nullable headers, const char *_Nullable const *_Nullable include_names))             \
  X("nvrtcCompileProgram", compile,                                                                                     \
    (martlet_nvrtc_program, int option_count, const char *_Nullable const *_Nullable options))                          \
  X("nvrtcGetProgramLogSize", log_size, (martlet_nvrtc_program, size_t *))                                              \
  X("nvrtcGetProgramLog", log, (martlet_nvrtc_program, char *))                                                         \
  X("nvrtcGetCUBINSize", cubin_size, (martlet_nvrtc_program, size_t *))                                                 \
  X("nvrtcGetCUBIN", cubin, (martlet_nvrtc_program, char *))                                                            \
  X("nvrtcDestroyProgram", destroy, (martlet_nvrtc_program _Nullable *_Nonnull))

/// The compiler's functions.
typedef struct __attribute__((swift_attr("@Sendable"))) {
#define MARTLET_FIELD(EXPORTED, NAME, PARAMETERS) martlet_nvrtc_result (*_Nonnull NAME) PARAMETERS;
  MARTLET_NVRTC_FUNCTIONS(MARTLET_FIELD)
#undef MARTLET_FIELD
  const char *_Nonnull (*_Nonnull error_string)(martlet_nvrtc_result);
} martlet_nvrtc_functions;

/// Fills the table from an open `libnvrtc`; returns as `martlet_library_fill`.
const char *_Nullable martlet_nvrtc_fill(void *library, martlet_nvrtc_functions *table);

#pragma clang assume_nonnull end
