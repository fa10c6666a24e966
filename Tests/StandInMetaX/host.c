// Behind the functions: the host's memory. Streams run at once, kernels leave word only; the one that asks what the device is
// gets its answer.
#include "stand_in.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CAPACITY = 1 << 30 };

struct host_stream {
  int is_capturing, nodes;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static size_t used;
static long launches;

/// Kernels that have been launched, those of graphs counted.
long stand_in_launches(void) { return launches; }

static int device_count(int *count) { return *count = (int)number_of("STAND_IN_DEVICES", 2), OK; }
static int device_select(int device) { return device >= 0 ? OK : INVALID_DEVICE; }
static int device_synchronize(void) { return OK; }
static int device_name(char *name, int capacity, int device) {
  return snprintf(name, (size_t)capacity, "host memory %d", device), OK;
}
static int device_memory(size_t *bytes, int device) { return *bytes = CAPACITY, device >= 0 ? OK : INVALID_DEVICE; }
static int memory_info(size_t *free_bytes, size_t *total) {
  return *total = CAPACITY, *free_bytes = CAPACITY - used, OK;
}

/// Pieces carry their size ahead of them.
enum { AHEAD = 256 };
static int take(void **pointer, size_t bytes, size_t *sum) {
  int result = OUT_OF_MEMORY;
  pthread_mutex_lock(&lock);
  if (bytes <= CAPACITY - *sum) {
    char *memory = aligned_alloc(AHEAD, AHEAD + (bytes + AHEAD - 1) / AHEAD * AHEAD);
    if (memory != NULL) {
      // Fresh memory has no meaning, and shows it.
      memset(memory + AHEAD, 0xee, bytes);
      memcpy(memory, &bytes, sizeof bytes);
      *sum += bytes;
      *pointer = memory + AHEAD;
      result = OK;
    }
  }
  pthread_mutex_unlock(&lock);
  return result;
}
static void give_back(void *pointer, size_t *sum) {
  size_t bytes;
  memcpy(&bytes, (char *)pointer - AHEAD, sizeof bytes);
  pthread_mutex_lock(&lock);
  *sum -= bytes;
  pthread_mutex_unlock(&lock);
  free((char *)pointer - AHEAD);
}
static int allocate(void **pointer, size_t bytes) { return take(pointer, bytes, &used); }
static int release(void *pointer) { return give_back(pointer, &used), OK; }
static size_t pinned;
static int host_allocate(void **pointer, size_t bytes) { return take(pointer, bytes, &pinned); }
static int host_release(void *pointer) { return give_back(pointer, &pinned), OK; }

/// Bytes of the device and of the host that nobody has returned.
size_t stand_in_bytes(void) { return used + pinned; }

static int copy(void *to, const void *from, size_t bytes, void *stream, int is_async) {
  struct host_stream *s = stream;
  if (is_async && s != NULL && s->is_capturing) return s->nodes++, OK;
  return memmove(to, from, bytes), OK;
}

static int stream_create(void **stream) { return *stream = calloc(1, sizeof(struct host_stream)), OK; }
static int stream_destroy(void *stream) { return free(stream), OK; }
static int stream_synchronize(void *stream) {
  const struct host_stream *s = stream;
  return s != NULL && s->is_capturing ? CAPTURE_FAILED : OK;
}
static int stream_wait_event(void *stream, void *event) { return (void)stream, (void)event, OK; }
static int event_create(void **event) { return *event = calloc(1, 1), OK; }
static int event_destroy(void *event) { return free(event), OK; }
static int event_record(void *event, void *stream) { return (void)event, (void)stream, OK; }
static int event_query(void *event) { return (void)event, OK; }
static int event_synchronize(void *event) { return (void)event, OK; }
static int event_elapsed(float *milliseconds, void *start, void *end) {
  return (void)start, (void)end, *milliseconds = 1, OK;
}

static int module_load(void **module, const void *image) { return (void)image, *module = calloc(1, 1), OK; }
static int module_unload(void *module) { return free(module), OK; }
static int module_function(void **function, void *module, const char *name) {
  (void)module;
  if (strstr(name, "missing") != NULL) return NOT_FOUND;
  // Names live as long as their functions: to the end.
  *function = strdup(name);
  return OK;
}

static int launch(void *function, const unsigned *grid, const unsigned *block, unsigned shared, void *stream,
                  void **parameters) {
  (void)grid, (void)block, (void)shared;
  struct host_stream *s = stream;
  if (s != NULL && s->is_capturing) return s->nodes++, OK;
  launches++;
  if (strcmp(function, "identify") == 0) {
    int *out;
    memcpy(&out, parameters[0], sizeof out);
    out[0] = (int)number_of("STAND_IN_WAVE", 32);
    out[1] = 0;
  }
  return OK;
}

static int capture_begin(void *stream) {
  *(struct host_stream *)stream = (struct host_stream){.is_capturing = 1};
  return OK;
}
static int capture_end(void *stream, void **graph) {
  struct host_stream *s = stream;
  if (!s->is_capturing) return CAPTURE_FAILED;
  s->is_capturing = 0;
  int *nodes = malloc(sizeof *nodes);
  *nodes = s->nodes;
  return *graph = nodes, OK;
}
static int graph_instantiate(void **executable, void *graph) {
  int *nodes = malloc(sizeof *nodes);
  *nodes = *(int *)graph;
  return *executable = nodes, OK;
}
static int graph_launch(void *executable, void *stream) {
  return (void)stream, launches += *(int *)executable, OK;
}
static int executable_destroy(void *executable) { return free(executable), OK; }
static int graph_destroy(void *graph) { return free(graph), OK; }

/// Nothing is compiled: the code is the source.
static int compile(const char *source, const char *name, void **code, size_t *size, char **log) {
  (void)name, (void)log;
  *size = strlen(source) + 1;
  *code = strdup(source);
  return OK;
}

const struct backend host_backend = {
    "host", device_count, device_select, device_synchronize, device_name, device_memory, memory_info, allocate, release,
    host_allocate, host_release, copy, stream_create, stream_destroy, stream_synchronize, stream_wait_event, event_create,
    event_destroy, event_record, event_query, event_synchronize, event_elapsed, module_load, module_unload,
    module_function, launch, capture_begin, capture_end, graph_instantiate, graph_launch, executable_destroy,
    graph_destroy, compile,
};
