// Modules, launches and graphs, with strict arguments.
#include "stand_in.h"

#include <stdio.h>
#include <string.h>

enum { MOST_THREADS = 1024, MOST_SHARED = 64 << 10 };

/// What was launched last: for tests.
struct stand_in_launch {
  char name[64];
  unsigned grid[3], block[3], shared;
  long long first_bytes;  ///< of the kernel's argument
  long long packed_bytes; ///< of the whole argument where it came packed, else 0
};
static struct stand_in_launch last;
const struct stand_in_launch *stand_in_last_launch(void) { return &last; }

int EXPORTED(ModuleLoadData)(void **module, const void *image) {
  BEGIN(ModuleLoadData);
  const struct image_header *header = image;
  if (memcmp(header->tag, IMAGE_TAG, sizeof header->tag) != 0) return INVALID_IMAGE;
  void *inner = NULL;
  const int result = backend()->module_load(&inner, header + 1);
  if (result == OK) *module = make_object(MODULE, inner);
  return result;
}
int EXPORTED(ModuleUnload)(void *module) {
  BEGIN(ModuleUnload);
  struct object *object = object_of(module, MODULE);
  if (object == NULL) return INVALID_HANDLE;
  const int result = backend()->module_unload(object->inner);
  drop_object(object);
  return result;
}
int EXPORTED(ModuleGetFunction)(void **function, void *module, const char *name) {
  BEGIN(ModuleGetFunction);
  const struct object *object = object_of(module, MODULE);
  if (object == NULL) return INVALID_HANDLE;
  void *inner = NULL;
  const int result = backend()->module_function(&inner, object->inner, name);
  if (result != OK) return result;
  struct object *made = make_object(FUNCTION, inner);
  snprintf(made->name, sizeof made->name, "%s", name);
  return *function = made, OK;
}

/// The argument in a packed list: pointer, address, size, address of the size, end. Null if it is none.
static void *packed_argument(void **extra, size_t *size) {
  const long end = number_of("STAND_IN_PACKED_END", 0);
  if (extra[0] != (void *)1 || extra[2] != (void *)2 || extra[4] != (void *)end) return NULL;
  *size = *(const size_t *)extra[3];
  return extra[1];
}

int EXPORTED(ModuleLaunchKernel)(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                                 unsigned bz, unsigned shared, void *stream, void **parameters, void **extra) {
  BEGIN(ModuleLaunchKernel);
  const struct object *kernel = object_of(function, FUNCTION);
  if (kernel == NULL) return INVALID_HANDLE;
  void *inner = NULL;
  if (stream != NULL) {
    const struct object *object = object_of(stream, STREAM);
    if (object == NULL) return INVALID_HANDLE;
    inner = object->inner;
  }
  const unsigned long long threads = (unsigned long long)bx * by * bz;
  if (gx == 0 || gy == 0 || gz == 0 || threads == 0 || threads > MOST_THREADS || shared > MOST_SHARED) return INVALID_VALUE;
  size_t size = 0;
  void *argument = NULL;
  if (parameters != NULL && extra == NULL && switch_of("STAND_IN_REFUSES_PARAMETERS") == NULL) argument = parameters[0];
  if (parameters == NULL && extra != NULL && switch_of("STAND_IN_REFUSES_PACKED") == NULL)
    argument = packed_argument(extra, &size);
  if (argument == NULL) return INVALID_VALUE;
  last = (struct stand_in_launch){.grid = {gx, gy, gz}, .block = {bx, by, bz}, .shared = shared,
                                  .packed_bytes = (long long)size};
  snprintf(last.name, sizeof last.name, "%s", kernel->name);
  memcpy(&last.first_bytes, argument, sizeof last.first_bytes);
  note_line("launch", kernel->name);
  return backend()->launch(kernel->inner, last.grid, last.block, shared, inner, &argument);
}

// --- Graphs: some releases may lack them ------------------------------------------------------------------------------

#ifndef STAND_IN_WITHOUT_GRAPHS

int EXPORTED(StreamBeginCapture)(void *stream, int mode) {
  BEGIN(StreamBeginCapture);
  struct object *object = object_of(stream, STREAM);
  if (object == NULL) return INVALID_HANDLE;
  if (mode < 0 || mode > 2 || object->is_capturing) return INVALID_VALUE;
  object->is_capturing = 1;
  return backend()->capture_begin(object->inner);
}
int EXPORTED(StreamEndCapture)(void *stream, void **graph) {
  BEGIN(StreamEndCapture);
  struct object *object = object_of(stream, STREAM);
  if (object == NULL) return INVALID_HANDLE;
  if (!object->is_capturing) return CAPTURE_FAILED;
  object->is_capturing = 0;
  void *inner = NULL;
  const int result = backend()->capture_end(object->inner, &inner);
  if (result == OK) *graph = make_object(GRAPH, inner);
  return result;
}
int EXPORTED(GraphInstantiate)(void **executable, void *graph, void **node, char *log, size_t capacity) {
  BEGIN(GraphInstantiate);
  const struct object *object = object_of(graph, GRAPH);
  if (object == NULL) return INVALID_HANDLE;
  if (node != NULL || log != NULL || capacity != 0) return INVALID_VALUE;
  void *inner = NULL;
  const int result = backend()->graph_instantiate(&inner, object->inner);
  if (result == OK) *executable = make_object(EXECUTABLE, inner);
  return result;
}
int EXPORTED(GraphLaunch)(void *executable, void *stream) {
  BEGIN(GraphLaunch);
  const struct object *object = object_of(executable, EXECUTABLE), *on = object_of(stream, STREAM);
  if (object == NULL || (stream != NULL && on == NULL)) return INVALID_HANDLE;
  return backend()->graph_launch(object->inner, on != NULL ? on->inner : NULL);
}
int EXPORTED(GraphExecDestroy)(void *executable) {
  BEGIN(GraphExecDestroy);
  struct object *object = object_of(executable, EXECUTABLE);
  if (object == NULL) return INVALID_HANDLE;
  const int result = backend()->executable_destroy(object->inner);
  drop_object(object);
  return result;
}
int EXPORTED(GraphDestroy)(void *graph) {
  BEGIN(GraphDestroy);
  struct object *object = object_of(graph, GRAPH);
  if (object == NULL) return INVALID_HANDLE;
  const int result = backend()->graph_destroy(object->inner);
  drop_object(object);
  return result;
}

#endif
