#include "martlet_cublaslt.h"
#include "martlet_cuda.h"
#include "martlet_nvrtc.h"

#define COUNT(ARRAY) (sizeof(ARRAY) / sizeof *(ARRAY))

const char *martlet_cuda_fill(void *library, martlet_cuda_functions *table) {
#define ROW(EXPORTED, NAME, PARAMETERS) {EXPORTED, offsetof(martlet_cuda_functions, NAME)},
  static const martlet_symbol symbols[] = {MARTLET_CUDA_FUNCTIONS(ROW)};
#undef ROW
  return martlet_library_fill(library, symbols, COUNT(symbols), table);
}

const char *martlet_nvrtc_fill(void *library, martlet_nvrtc_functions *table) {
#define ROW(EXPORTED, NAME, PARAMETERS) {EXPORTED, offsetof(martlet_nvrtc_functions, NAME)},
  static const martlet_symbol symbols[] = {
      MARTLET_NVRTC_FUNCTIONS(ROW){"nvrtcGetErrorString", offsetof(martlet_nvrtc_functions, error_string)}};
#undef ROW
  return martlet_library_fill(library, symbols, COUNT(symbols), table);
}

const char *martlet_cublaslt_fill(void *library, martlet_cublaslt_functions *table) {
#define ROW(EXPORTED, NAME, PARAMETERS) {EXPORTED, offsetof(martlet_cublaslt_functions, NAME)},
  static const martlet_symbol symbols[] = {
      MARTLET_CUBLASLT_FUNCTIONS(ROW){"cublasLtGetStatusName", offsetof(martlet_cublaslt_functions, status_name)},
      {"cublasLtGetVersion", offsetof(martlet_cublaslt_functions, version)}};
#undef ROW
  return martlet_library_fill(library, symbols, COUNT(symbols), table);
}
