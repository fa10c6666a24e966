// The tables of `llaisysGetRuntimeAPI`. Their functions are not told which family they belong to, so each family has twelve
// of its own; Swift has no way to write them once.
#include "internal/runtime_functions.h"

#define RUNTIME_TABLE(NAME, FAMILY) \
  static int NAME##_device_count(void) { return runtime_device_count(FAMILY); } \
  static void NAME##_set_device(int index) { runtime_set_device(FAMILY, index); } \
  static void NAME##_synchronize_device(void) { runtime_synchronize_device(FAMILY); } \
  static llaisysStream_t NAME##_create_stream(void) { return runtime_create_stream(FAMILY); } \
  static void NAME##_destroy_stream(llaisysStream_t stream) { runtime_destroy_stream(FAMILY, stream); } \
  static void NAME##_synchronize_stream(llaisysStream_t stream) { runtime_synchronize_stream(FAMILY, stream); } \
  static void *NAME##_malloc_device(size_t size) { return runtime_malloc_device(FAMILY, size); } \
  static void NAME##_free_device(void *pointer) { runtime_free_device(FAMILY, pointer); } \
  static void *NAME##_malloc_host(size_t size) { return runtime_malloc_host(FAMILY, size); } \
  static void NAME##_free_host(void *pointer) { runtime_free_host(FAMILY, pointer); } \
  static void NAME##_copy(void *destination, const void *source, size_t size, llaisysMemcpyKind_t kind) { \
    runtime_copy(FAMILY, destination, source, size, kind); \
  } \
  static void NAME##_copy_async( \
      void *destination, const void *source, size_t size, llaisysMemcpyKind_t kind, llaisysStream_t stream) { \
    runtime_copy_async(FAMILY, destination, source, size, kind, stream); \
  } \
  static const LlaisysRuntimeAPI NAME##_table = { \
      NAME##_device_count,   NAME##_set_device,     NAME##_synchronize_device, NAME##_create_stream, \
      NAME##_destroy_stream, NAME##_synchronize_stream, NAME##_malloc_device,  NAME##_free_device, \
      NAME##_malloc_host,    NAME##_free_host,      NAME##_copy,               NAME##_copy_async};

RUNTIME_TABLE(cpu, LLAISYS_DEVICE_CPU)
RUNTIME_TABLE(nvidia, LLAISYS_DEVICE_NVIDIA)
RUNTIME_TABLE(metax, LLAISYS_DEVICE_METAX)

const LlaisysRuntimeAPI *runtime_table(llaisysDeviceType_t family) {
  switch (family) {
    case LLAISYS_DEVICE_CPU: return &cpu_table;
    case LLAISYS_DEVICE_NVIDIA: return &nvidia_table;
    case LLAISYS_DEVICE_METAX: return &metax_table;
    default: return NULL;
  }
}
