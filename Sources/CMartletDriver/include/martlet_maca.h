/// MetaX's run-time library as far as Martlet uses it: types, numbers and signatures as public source shows them, so that no
/// toolkit is needed to build. Nobody of the project has run it on MetaX's hardware; docs/metax.md says how sure each part is.
#pragma once

#include "martlet_library.h"

#pragma clang assume_nonnull begin

typedef int martlet_mc_result;
typedef struct martlet_mc_stream_object *martlet_mc_stream;
typedef struct martlet_mc_event_object *martlet_mc_event;
typedef struct martlet_mc_module_object *martlet_mc_module;
typedef struct martlet_mc_function_object *martlet_mc_function;
typedef struct martlet_mc_graph_object *martlet_mc_graph;
typedef struct martlet_mc_graph_exec_object *martlet_mc_graph_exec;
typedef struct martlet_mc_program_object *martlet_mc_program;

enum {
  MARTLET_MC_SUCCESS = 0,
  // Numbers of CUDA's run-time library, which one binding says are MetaX's. They only choose the words of an error.
  MARTLET_MC_OUT_OF_MEMORY = 2,
  MARTLET_MC_NOT_READY = 600,

  /// `mcMemcpyKind`
  MARTLET_MC_HOST_TO_HOST = 0,
  MARTLET_MC_HOST_TO_DEVICE = 1,
  MARTLET_MC_DEVICE_TO_HOST = 2,
  MARTLET_MC_DEVICE_TO_DEVICE = 3,

  /// The one attribute on whose number all sources agree.
  MARTLET_MC_ATTRIBUTE_PROCESSORS = 16,
  /// `mcStreamCaptureModeThreadLocal`, by the numbers of CUDA and HIP.
  MARTLET_MC_CAPTURE_THREAD_LOCAL = 1,

  // `MC_LAUNCH_PARAM_…`: how packed arguments are announced. CUDA and HIP agree on the first two; the end is 0 in the one and
  // 3 in the other.
  MARTLET_MC_PACKED_POINTER = 1,
  MARTLET_MC_PACKED_SIZE = 2,
  MARTLET_MC_PACKED_END = 0,
  MARTLET_MC_PACKED_OTHER_END = 3,
};

/// What must be there: the exported name behind `mc` (or `hc`, in the other flavour of the library), the name in the table,
/// the parameters.
#define MARTLET_MC_FUNCTIONS(X)                                                                                        \
  X(GetDeviceCount, device_count, (int *count))                                                                        \
  X(SetDevice, device_set, (int))                                                                                      \
  X(GetDevice, device_get, (int *))                                                                                    \
  X(DeviceSynchronize, device_synchronize, (void))                                                                     \
  X(DeviceGetName, device_name, (char *, int capacity, int device))                                                    \
  X(DeviceTotalMem, device_memory, (size_t *, int device))                                                             \
  X(MemGetInfo, memory_info, (size_t * free, size_t *total))                                                           \
  X(Malloc, memory_allocate, (void *_Nullable *_Nonnull, size_t bytes))                                                \
  X(Free, memory_free, (void *))                                                                                       \
  X(MallocHost, host_allocate, (void *_Nullable *_Nonnull, size_t bytes, unsigned flags))                              \
  X(FreeHost, host_free, (void *))                                                                                     \
  X(Memcpy, copy, (void *to, const void *from, size_t bytes, int kind))                                                \
  X(MemcpyAsync, copy_async,                                                                                           \
    (void *to, const void *from, size_t bytes, int kind, martlet_mc_stream _Nullable))                                 \
  X(StreamCreate, stream_create, (martlet_mc_stream _Nullable *_Nonnull))                                              \
  X(StreamDestroy, stream_destroy, (martlet_mc_stream))                                                                \
  X(StreamSynchronize, stream_synchronize, (martlet_mc_stream _Nullable))                                              \
  X(StreamWaitEvent, stream_wait_event, (martlet_mc_stream _Nullable, martlet_mc_event, unsigned flags))               \
  X(EventCreate, event_create, (martlet_mc_event _Nullable *_Nonnull))                                                 \
  X(EventDestroy, event_destroy, (martlet_mc_event))                                                                   \
  X(EventRecord, event_record, (martlet_mc_event, martlet_mc_stream _Nullable))                                        \
  X(EventQuery, event_query, (martlet_mc_event))                                                                       \
  X(EventSynchronize, event_synchronize, (martlet_mc_event))                                                           \
  X(EventElapsedTime, event_elapsed, (float *milliseconds, martlet_mc_event start, martlet_mc_event end))              \
  X(ModuleLoadData, module_load, (martlet_mc_module _Nullable *_Nonnull, const void *image))                           \
  X(ModuleUnload, module_unload, (martlet_mc_module))                                                                  \
  X(ModuleGetFunction, module_function,                                                                                \
    (martlet_mc_function _Nullable *_Nonnull, martlet_mc_module, const char *name))                                    \
  X(ModuleLaunchKernel, launch,                                                                                        \
    (martlet_mc_function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, \
     martlet_mc_stream _Nullable, void *_Nullable *_Nullable parameters, void *_Nullable *_Nullable extra))            \
  X(rtcCreateProgram, program_create,                                                                                  \
    (martlet_mc_program _Nullable *_Nonnull, const char *source, const char *name, int header_count,                   \
     const char *_Nullable const *_Nullable headers, const char *_Nullable const *_Nullable include_names))            \
  X(rtcCompileProgram, program_compile,                                                                                \
    (martlet_mc_program, int option_count, const char *_Nullable const *_Nullable options))                            \
  X(rtcGetProgramLogSize, program_log_size, (martlet_mc_program, size_t *))                                            \
  X(rtcGetProgramLog, program_log, (martlet_mc_program, char *))                                                       \
  X(rtcDestroyProgram, program_destroy, (martlet_mc_program _Nullable *_Nonnull))

/// What may be missing: without a graph's functions nothing is recorded, and of the two pairs that hand out code one is
/// enough.
#define MARTLET_MC_OPTIONAL_FUNCTIONS(X)                                                                               \
  X(Init, initialize, (unsigned flags))                                                                                \
  X(DeviceGetAttribute, device_attribute, (int *, int attribute, int device))                                          \
  X(StreamBeginCapture, capture_begin, (martlet_mc_stream, int mode))                                                  \
  X(StreamEndCapture, capture_end, (martlet_mc_stream, martlet_mc_graph _Nullable *_Nonnull))                          \
  X(GraphInstantiate, graph_instantiate,                                                                               \
    (martlet_mc_graph_exec _Nullable *_Nonnull, martlet_mc_graph, void *_Nullable *_Nullable node, char *_Nullable log, \
     size_t capacity))                                                                                                 \
  X(GraphLaunch, graph_launch, (martlet_mc_graph_exec, martlet_mc_stream _Nullable))                                   \
  X(GraphExecDestroy, graph_exec_destroy, (martlet_mc_graph_exec))                                                     \
  X(GraphDestroy, graph_destroy, (martlet_mc_graph))                                                                   \
  X(rtcVersion, program_version, (int *major, int *minor))                                                             \
  X(rtcGetBitcodeSize, bitcode_size, (martlet_mc_program, size_t *))                                                   \
  X(rtcGetBitcode, bitcode, (martlet_mc_program, char *))                                                              \
  X(rtcGetCodeSize, code_size, (martlet_mc_program, size_t *))                                                         \
  X(rtcGetCode, code, (martlet_mc_program, char *))

/// The library's functions.
typedef struct __attribute__((swift_attr("@Sendable"))) {
#define MARTLET_FIELD(EXPORTED, NAME, PARAMETERS) martlet_mc_result (*_Nonnull NAME) PARAMETERS;
#define MARTLET_OPTIONAL_FIELD(EXPORTED, NAME, PARAMETERS) martlet_mc_result (*_Nullable NAME) PARAMETERS;
  MARTLET_MC_FUNCTIONS(MARTLET_FIELD)
  MARTLET_MC_OPTIONAL_FUNCTIONS(MARTLET_OPTIONAL_FIELD)
#undef MARTLET_FIELD
#undef MARTLET_OPTIONAL_FIELD
  const char *_Nullable (*_Nonnull error_name)(martlet_mc_result);
  const char *_Nullable (*_Nonnull error_string)(martlet_mc_result);
  /// How exported names begin: `mc` or `hc`.
  const char *prefix;
  /// The words of a library that only stands in for MetaX's; null for any other.
  const char *_Nullable stand_in;
} martlet_mc_functions;

/// Fills the table from an open library of either flavour; returns as `martlet_library_fill`.
const char *_Nullable martlet_mc_fill(void *library, martlet_mc_functions *table);

/// The optional functions that a table lacks: the `index`th of them by its name behind the prefix, null beyond the last.
const char *_Nullable martlet_mc_lacking(const martlet_mc_functions *table, int index);

#pragma clang assume_nonnull end
