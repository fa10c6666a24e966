// Behind the functions: NVIDIA's driver and its run-time compiler, opened here, so that kernels run by the rules of MetaX's
// platform on a machine with a GPU of NVIDIA's.
#define _GNU_SOURCE
#include "stand_in.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t address;

/// Functions of the driver: results, names, parameters.
#define DRIVER(X)                                                                                                     \
  X(cuInit, (unsigned)) X(cuDeviceGetCount, (int *)) X(cuDeviceGet, (int *, int))                                     \
  X(cuDeviceGetName, (char *, int, int)) X(cuDeviceTotalMem_v2, (size_t *, int))                                      \
  X(cuDeviceGetAttribute, (int *, int, int)) X(cuDevicePrimaryCtxRetain, (void **, int)) X(cuCtxSetCurrent, (void *)) \
  X(cuCtxSynchronize, (void)) X(cuMemGetInfo_v2, (size_t *, size_t *)) X(cuMemAlloc_v2, (address *, size_t))          \
  X(cuMemFree_v2, (address)) X(cuMemHostAlloc, (void **, size_t, unsigned)) X(cuMemFreeHost, (void *))                \
  X(cuMemcpy, (address, address, size_t)) X(cuMemcpyAsync, (address, address, size_t, void *))                        \
  X(cuStreamCreate, (void **, unsigned)) X(cuStreamDestroy_v2, (void *)) X(cuStreamSynchronize, (void *))             \
  X(cuStreamWaitEvent, (void *, void *, unsigned)) X(cuEventCreate, (void **, unsigned)) X(cuEventDestroy_v2, (void *)) \
  X(cuEventRecord, (void *, void *)) X(cuEventQuery, (void *)) X(cuEventSynchronize, (void *))                        \
  X(cuEventElapsedTime, (float *, void *, void *)) X(cuModuleLoadData, (void **, const void *))                       \
  X(cuModuleUnload, (void *)) X(cuModuleGetFunction, (void **, void *, const char *))                                 \
  X(cuFuncSetAttribute, (void *, int, int))                                                                           \
  X(cuLaunchKernel, (void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void *, void **, void **)) \
  X(cuStreamBeginCapture_v2, (void *, int)) X(cuStreamEndCapture, (void *, void **))                                  \
  X(cuGraphInstantiateWithFlags, (void **, void *, unsigned long long)) X(cuGraphLaunch, (void *, void *))            \
  X(cuGraphExecDestroy, (void *)) X(cuGraphDestroy, (void *))
#define COMPILER(X)                                                                                          \
  X(nvrtcCreateProgram, (void **, const char *, const char *, int, const char *const *, const char *const *)) \
  X(nvrtcCompileProgram, (void *, int, const char *const *)) X(nvrtcGetProgramLogSize, (void *, size_t *))    \
  X(nvrtcGetProgramLog, (void *, char *)) X(nvrtcGetCUBINSize, (void *, size_t *))                            \
  X(nvrtcGetCUBIN, (void *, char *)) X(nvrtcDestroyProgram, (void **))

static struct {
#define FIELD(NAME, PARAMETERS) int(*NAME) PARAMETERS;
  DRIVER(FIELD) COMPILER(FIELD)
#undef FIELD
} cu;

enum { MOST_DEVICES = 16 };
static void *contexts[MOST_DEVICES];

static void *open_one(const char *variable, const char *const *names) {
  const char *named = getenv(variable);
  if (named != NULL && named[0] != 0) return dlopen(named, RTLD_NOW | RTLD_LOCAL);
  void *library = NULL;
  for (; library == NULL && *names != NULL; names++) library = dlopen(*names, RTLD_NOW | RTLD_LOCAL);
  return library;
}
static int open_all(void) {
  void *driver = open_one("MARTLET_CUDA_DRIVER", (const char *const[]){"libcuda.so.1", NULL});
  void *compiler = open_one(
      "MARTLET_NVRTC",
      (const char *const[]){"libnvrtc.so.13", "libnvrtc.so.12", "/usr/local/cuda/lib64/libnvrtc.so", NULL});
  if (driver == NULL || compiler == NULL) return 0;
  int complete = 1;
#define FROM_DRIVER(NAME, PARAMETERS) \
  *(void **)&cu.NAME = dlsym(driver, #NAME);  \
  complete &= cu.NAME != NULL;
#define FROM_COMPILER(NAME, PARAMETERS) \
  *(void **)&cu.NAME = dlsym(compiler, #NAME);  \
  complete &= cu.NAME != NULL;
  DRIVER(FROM_DRIVER) COMPILER(FROM_COMPILER)
  return complete;
}

static int device_count(int *count) { return cu.cuDeviceGetCount(count); }
static int device_select(int device) {
  if (device >= MOST_DEVICES) return INVALID_DEVICE;
  int handle, result = cu.cuDeviceGet(&handle, device);
  if (result == OK && contexts[device] == NULL) result = cu.cuDevicePrimaryCtxRetain(&contexts[device], handle);
  return result == OK ? cu.cuCtxSetCurrent(contexts[device]) : result;
}
static int device_synchronize(void) { return cu.cuCtxSynchronize(); }
static int device_name(char *name, int capacity, int device) { return cu.cuDeviceGetName(name, capacity, device); }
static int device_memory(size_t *bytes, int device) { return cu.cuDeviceTotalMem_v2(bytes, device); }
static int memory_info(size_t *free_bytes, size_t *total) { return cu.cuMemGetInfo_v2(free_bytes, total); }
static int allocate(void **pointer, size_t bytes) {
  address place = 0;
  const int result = cu.cuMemAlloc_v2(&place, bytes);
  *pointer = (void *)place;
  return result;
}
static int release(void *pointer) { return cu.cuMemFree_v2((address)pointer); }
static int host_allocate(void **pointer, size_t bytes) { return cu.cuMemHostAlloc(pointer, bytes, 1); }
static int host_release(void *pointer) { return cu.cuMemFreeHost(pointer); }
static int copy(void *to, const void *from, size_t bytes, void *stream, int is_async) {
  return is_async ? cu.cuMemcpyAsync((address)to, (address)from, bytes, stream)
                  : cu.cuMemcpy((address)to, (address)from, bytes);
}
static int stream_create(void **stream) { return cu.cuStreamCreate(stream, 0); }
static int stream_destroy(void *stream) { return cu.cuStreamDestroy_v2(stream); }
static int stream_synchronize(void *stream) { return cu.cuStreamSynchronize(stream); }
static int stream_wait_event(void *stream, void *event) { return cu.cuStreamWaitEvent(stream, event, 0); }
static int event_create(void **event) { return cu.cuEventCreate(event, 0); }
static int event_destroy(void *event) { return cu.cuEventDestroy_v2(event); }
static int event_record(void *event, void *stream) { return cu.cuEventRecord(event, stream); }
static int event_query(void *event) { return cu.cuEventQuery(event); }
static int event_synchronize(void *event) { return cu.cuEventSynchronize(event); }
static int event_elapsed(float *milliseconds, void *start, void *end) {
  return cu.cuEventElapsedTime(milliseconds, start, end);
}
static int module_load(void **module, const void *image) { return cu.cuModuleLoadData(module, image); }
static int module_unload(void *module) { return cu.cuModuleUnload(module); }
static int module_function(void **function, void *module, const char *name) {
  const int result = cu.cuModuleGetFunction(function, module, name);
  // NVIDIA's driver wants leave for more than 48 KB, which MetaX's is said not to want; kernels with much of their own cannot
  // have it all, and need less.
  for (int kilobytes = 64; result == OK && kilobytes > 48; kilobytes -= 2)
    if (cu.cuFuncSetAttribute(*function, 8, kilobytes << 10) == OK) break;
  return result;
}
static int launch(void *function, const unsigned *grid, const unsigned *block, unsigned shared, void *stream,
                  void **parameters) {
  return cu.cuLaunchKernel(function, grid[0], grid[1], grid[2], block[0], block[1], block[2], shared, stream, parameters,
                           NULL);
}
static int capture_begin(void *stream) { return cu.cuStreamBeginCapture_v2(stream, 1); }
static int capture_end(void *stream, void **graph) { return cu.cuStreamEndCapture(stream, graph); }
static int graph_instantiate(void **executable, void *graph) {
  return cu.cuGraphInstantiateWithFlags(executable, graph, 0);
}
static int graph_launch(void *executable, void *stream) { return cu.cuGraphLaunch(executable, stream); }
static int executable_destroy(void *executable) { return cu.cuGraphExecDestroy(executable); }
static int graph_destroy(void *graph) { return cu.cuGraphDestroy(graph); }

/// For the first device: MetaX's compiler is told no architecture, NVIDIA's must be.
static int compile(const char *source, const char *name, void **code, size_t *size, char **log) {
  int device = 0, major = 0, minor = 0;
  cu.cuDeviceGet(&device, 0);
  cu.cuDeviceGetAttribute(&major, 75, device);
  cu.cuDeviceGetAttribute(&minor, 76, device);
  char architecture[48];
  snprintf(architecture, sizeof architecture, "--gpu-architecture=sm_%d%d", major, minor);
  const char *const options[] = {architecture, "--std=c++17", "--device-as-default-execution-space"};
  void *program = NULL;
  int result = cu.nvrtcCreateProgram(&program, source, name, 0, NULL, NULL);
  if (result != OK) return result;
  result = cu.nvrtcCompileProgram(program, 3, options);
  size_t length = 0;
  if (result != OK && cu.nvrtcGetProgramLogSize(program, &length) == OK && length > 0) {
    *log = calloc(1, length + 1);
    cu.nvrtcGetProgramLog(program, *log);
  }
  if (result == OK) result = cu.nvrtcGetCUBINSize(program, size);
  if (result == OK) result = cu.nvrtcGetCUBIN(program, *code = malloc(*size));
  cu.nvrtcDestroyProgram(&program);
  return result;
}

const struct backend *nvidia_backend(void) {
  static const struct backend nvidia = {
      "NVIDIA", device_count, device_select, device_synchronize, device_name, device_memory, memory_info, allocate,
      release, host_allocate, host_release, copy, stream_create, stream_destroy, stream_synchronize, stream_wait_event,
      event_create, event_destroy, event_record, event_query, event_synchronize, event_elapsed, module_load, module_unload,
      module_function, launch, capture_begin, capture_end, graph_instantiate, graph_launch, executable_destroy,
      graph_destroy, compile,
  };
  int count = 0;
  return open_all() && cu.cuInit(0) == OK && cu.cuDeviceGetCount(&count) == OK && count > 0 ? &nvidia : NULL;
}
