/// CUDA's driver API as far as Martlet uses it: types, numbers and signatures as NVIDIA's documentation gives them, so
/// that neither its headers nor its libraries are needed to build. (CUDA Driver API reference, version 12 and later.)
#pragma once

#include "martlet_library.h"

#include <stdint.h>

#pragma clang assume_nonnull begin

typedef int martlet_cu_result;
typedef int martlet_cu_device;
typedef uint64_t martlet_cu_pointer;
typedef struct martlet_cu_context_object *martlet_cu_context;
typedef struct martlet_cu_stream_object *martlet_cu_stream;
typedef struct martlet_cu_event_object *martlet_cu_event;
typedef struct martlet_cu_module_object *martlet_cu_module;
typedef struct martlet_cu_function_object *martlet_cu_function;
typedef struct martlet_cu_graph_object *martlet_cu_graph;
typedef struct martlet_cu_graph_exec_object *martlet_cu_graph_exec;

/// Results that are told apart; all others are reported by the driver's own words.
enum {
  MARTLET_CU_SUCCESS = 0,
  MARTLET_CU_INVALID_VALUE = 1,
  MARTLET_CU_OUT_OF_MEMORY = 2,
  MARTLET_CU_NO_DEVICE = 100,
  MARTLET_CU_NOT_READY = 600,
};

/// `CUdevice_attribute`
enum {
  MARTLET_CU_ATTRIBUTE_PROCESSORS = 16,
  MARTLET_CU_ATTRIBUTE_CAPABILITY_MAJOR = 75,
  MARTLET_CU_ATTRIBUTE_CAPABILITY_MINOR = 76,
  MARTLET_CU_ATTRIBUTE_SHARED_BYTES = 97,
};

enum {
  /// `CU_STREAM_DEFAULT`: ordered with the default stream, on which plain copies run.
  MARTLET_CU_STREAM_DEFAULT = 0,
  /// `CU_STREAM_NON_BLOCKING`: in no order with it.
  MARTLET_CU_STREAM_NON_BLOCKING = 1,
  /// `CU_EVENT_DEFAULT` and `CU_EVENT_DISABLE_TIMING`
  MARTLET_CU_EVENT_TIMED = 0,
  MARTLET_CU_EVENT_UNTIMED = 2,
  /// `CU_MEMHOSTALLOC_PORTABLE`: pinned for every device.
  MARTLET_CU_HOST_PORTABLE = 1,
  /// `CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES`
  MARTLET_CU_FUNCTION_DYNAMIC_SHARED_BYTES = 8,
  /// `CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT`, in percent
  MARTLET_CU_FUNCTION_SHARED_SHARE = 9,
  /// `CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION`
  MARTLET_CU_LAUNCH_OVERLAPPING = 6,
  /// `CU_STREAM_CAPTURE_MODE_THREAD_LOCAL`
  MARTLET_CU_CAPTURE_THREAD_LOCAL = 1,
};

/// `CUlaunchAttribute`, of which only numbers are used.
typedef struct {
  int kind;
  int padding;
  int value;
  char rest[60];
} martlet_cu_launch_attribute;

/// `CUlaunchConfig`
typedef struct {
  unsigned gx, gy, gz, bx, by, bz, shared;
  martlet_cu_stream _Nullable stream;
  martlet_cu_launch_attribute *_Nullable attributes;
  unsigned attribute_count;
} martlet_cu_launch_configuration;

/// Every function: how the driver exports it, its name in the table, its parameters.
#define MARTLET_CUDA_FUNCTIONS(X)                                                                                      \
  X("cuInit", initialize, (unsigned flags))                                                                            \
  X("cuDriverGetVersion", driver_version, (int *version))                                                              \
  X("cuGetErrorName", error_name, (martlet_cu_result, const char *_Nullable *_Nonnull))                                \
  X("cuGetErrorString", error_string, (martlet_cu_result, const char *_Nullable *_Nonnull))                            \
  X("cuDeviceGetCount", device_count, (int *count))                                                                    \
  X("cuDeviceGet", device_get, (martlet_cu_device *, int ordinal))                                                     \
  X("cuDeviceGetName", device_name, (char *, int capacity, martlet_cu_device))                                         \
  X("cuDeviceTotalMem_v2", device_memory, (size_t *, martlet_cu_device))                                               \
  X("cuDeviceGetAttribute", device_attribute, (int *, int attribute, martlet_cu_device))                               \
  X("cuDevicePrimaryCtxRetain", context_retain, (martlet_cu_context _Nullable *_Nonnull, martlet_cu_device))           \
  X("cuCtxSetCurrent", context_set, (martlet_cu_context _Nullable))                                                    \
  X("cuCtxGetDevice", context_device, (martlet_cu_device *))                                                           \
  X("cuCtxSynchronize", context_synchronize, (void))                                                                   \
  X("cuMemGetInfo_v2", memory_info, (size_t * free, size_t *total))                                                    \
  X("cuMemAlloc_v2", memory_allocate, (martlet_cu_pointer *, size_t bytes))                                            \
  X("cuMemFree_v2", memory_free, (martlet_cu_pointer))                                                                 \
  X("cuMemHostAlloc", host_allocate, (void *_Nullable *_Nonnull, size_t bytes, unsigned flags))                        \
  X("cuMemFreeHost", host_free, (void *))                                                                              \
  X("cuMemcpy", copy, (martlet_cu_pointer to, martlet_cu_pointer from, size_t bytes))                                  \
  X("cuMemcpyAsync", copy_async,                                                                                       \
    (martlet_cu_pointer to, martlet_cu_pointer from, size_t bytes, martlet_cu_stream _Nullable))                       \
  X("cuStreamCreate", stream_create, (martlet_cu_stream _Nullable *_Nonnull, unsigned flags))                          \
  X("cuStreamDestroy_v2", stream_destroy, (martlet_cu_stream))                                                         \
  X("cuStreamSynchronize", stream_synchronize, (martlet_cu_stream _Nullable))                                          \
  X("cuStreamWaitEvent", stream_wait_event, (martlet_cu_stream _Nullable, martlet_cu_event, unsigned flags))                     \
  X("cuEventCreate", event_create, (martlet_cu_event _Nullable *_Nonnull, unsigned flags))                             \
  X("cuEventDestroy_v2", event_destroy, (martlet_cu_event))                                                            \
  X("cuEventRecord", event_record, (martlet_cu_event, martlet_cu_stream _Nullable))                                              \
  X("cuEventQuery", event_query, (martlet_cu_event))                                                                   \
  X("cuEventSynchronize", event_synchronize, (martlet_cu_event))                                                       \
  X("cuEventElapsedTime", event_elapsed, (float *milliseconds, martlet_cu_event start, martlet_cu_event end))          \
  X("cuModuleLoadData", module_load, (martlet_cu_module _Nullable *_Nonnull, const void *image))                       \
  X("cuModuleUnload", module_unload, (martlet_cu_module))                                                              \
  X("cuModuleGetFunction", module_function,                                                                            \
    (martlet_cu_function _Nullable *_Nonnull, martlet_cu_module, const char *name))                                    \
  X("cuFuncSetAttribute", function_set_attribute, (martlet_cu_function, int attribute, int value))                     \
  X("cuLaunchKernel", launch,                                                                                          \
    (martlet_cu_function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, \
     martlet_cu_stream _Nullable, void *_Nullable *_Nullable parameters, void *_Nullable *_Nullable extra))                      \
  X("cuLaunchKernelEx", launch_configured,                                                                             \
    (const martlet_cu_launch_configuration *, martlet_cu_function, void *_Nullable *_Nullable parameters,              \
     void *_Nullable *_Nullable extra))                                                                                \
  X("cuStreamBeginCapture_v2", capture_begin, (martlet_cu_stream _Nullable, int mode))                                           \
  X("cuStreamEndCapture", capture_end, (martlet_cu_stream _Nullable, martlet_cu_graph _Nullable *_Nonnull))                      \
  X("cuGraphInstantiateWithFlags", graph_instantiate,                                                                  \
    (martlet_cu_graph_exec _Nullable *_Nonnull, martlet_cu_graph, unsigned long long flags))                           \
  X("cuGraphLaunch", graph_launch, (martlet_cu_graph_exec, martlet_cu_stream _Nullable))                                         \
  X("cuGraphExecDestroy", graph_exec_destroy, (martlet_cu_graph_exec))                                                 \
  X("cuGraphDestroy", graph_destroy, (martlet_cu_graph))

/// The driver's functions, all there in drivers for CUDA 12 and later.
typedef struct __attribute__((swift_attr("@Sendable"))) {
#define MARTLET_FIELD(EXPORTED, NAME, PARAMETERS) martlet_cu_result (*_Nonnull NAME) PARAMETERS;
  MARTLET_CUDA_FUNCTIONS(MARTLET_FIELD)
#undef MARTLET_FIELD
} martlet_cuda_functions;

/// Fills the table from an open `libcuda`; returns as `martlet_library_fill`.
const char *_Nullable martlet_cuda_fill(void *library, martlet_cuda_functions *table);

#pragma clang assume_nonnull end
