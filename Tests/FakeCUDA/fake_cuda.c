#include "fake_cuda.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOT_INITIALIZED = 3, INVALID_DEVICE = 101, INVALID_IMAGE = 200, INVALID_CONTEXT = 201, NOT_FOUND = 500, FAULT = 700 };
enum { CAPTURE_FAILED = 901 };

/// Any handle: what it is, and what a captured stream or a graph holds.
struct object {
  enum { CONTEXT = 0x10, STREAM, EVENT, MODULE, FUNCTION, GRAPH, GRAPH_EXEC } kind;
  int is_timed, is_capturing, nodes;
  char name[64];
};
/// What stands before each piece of memory.
struct piece {
  size_t bytes;
  unsigned long long magic;
  char padding[240];
};
static const unsigned long long DEVICE_MEMORY = 0xd0d0d0d0feedface, HOST_MEMORY = 0xbeefbeeffeedface;

static fake_cuda_state state;
static struct object contexts[8];
static struct object *functions[64];
static int function_count, is_ready, is_broken;
static _Thread_local struct object *current;

void fake_cuda_reset(void) {
  memset(&state, 0, sizeof state);
  state.devices = 2;
  state.capacity = 1 << 30;
  is_ready = is_broken = 0;
}
fake_cuda_state *fake_cuda(void) { return &state; }

#define REQUIRE_CONTEXT()                                 \
  if (current == NULL) {                                  \
    state.calls_without_context++;                        \
    return INVALID_CONTEXT;                               \
  }                                                       \
  if (is_broken) return FAULT

static struct object *make(int kind) {
  struct object *o = calloc(1, sizeof *o);
  o->kind = kind;
  return o;
}

static int initialize(unsigned flags) {
  is_ready = flags == 0 && state.initialize_result == 0;
  return state.initialize_result;
}
static int driver_version(int *version) { return *version = 13000, 0; }
static int error_name(int result, const char **name) {
  *name = result == FAULT ? "FAKE_ERROR_ILLEGAL_ADDRESS" : result == 0 ? "FAKE_SUCCESS" : "FAKE_ERROR";
  return 0;
}
static int error_string(int result, const char **text) {
  *text = result == FAULT ? "an illegal memory access was encountered" : "something is wrong";
  return 0;
}
static int device_count(int *count) {
  if (!is_ready) return NOT_INITIALIZED;
  return *count = state.devices, state.devices > 0 ? 0 : MARTLET_CU_NO_DEVICE;
}
static int device_get(int *device, int ordinal) {
  return *device = ordinal, ordinal >= 0 && ordinal < state.devices ? 0 : INVALID_DEVICE;
}
static int device_name(char *name, int capacity, int device) {
  snprintf(name, (size_t)capacity, "Fake %d", device);
  return 0;
}
static int device_memory(size_t *bytes, int device) { return *bytes = state.capacity, device < state.devices ? 0 : 1; }
static int device_attribute(int *value, int attribute, int device) {
  *value = attribute == MARTLET_CU_ATTRIBUTE_CAPABILITY_MAJOR   ? 9
           : attribute == MARTLET_CU_ATTRIBUTE_CAPABILITY_MINOR ? 0
                                                                : 132;
  return device < state.devices ? 0 : INVALID_DEVICE;
}
static int context_retain(martlet_cu_context *context, int device) {
  contexts[device].kind = CONTEXT;
  state.contexts++;
  *context = (martlet_cu_context)&contexts[device];
  return 0;
}
static int context_set(martlet_cu_context context) { return current = (struct object *)context, 0; }
static int context_device(int *device) {
  if (current == NULL) return INVALID_CONTEXT;
  return *device = (int)(current - contexts), 0;
}
static int context_synchronize(void) {
  REQUIRE_CONTEXT();
  return 0;
}
static int memory_info(size_t *free_bytes, size_t *total) {
  REQUIRE_CONTEXT();
  *total = state.capacity;
  *free_bytes = state.capacity - state.live_bytes;
  return 0;
}

static void *take(size_t bytes, unsigned long long magic) {
  struct piece *piece = aligned_alloc(256, (sizeof *piece + bytes + 255) / 256 * 256);
  if (piece == NULL) return NULL;
  *piece = (struct piece){.bytes = bytes, .magic = magic};
  return piece + 1;
}
/// The bytes of a piece that is returned, or 0 if it is none of that kind.
static size_t give_back(void *pointer, unsigned long long magic) {
  struct piece *piece = (struct piece *)pointer - 1;
  if (piece->magic != magic) return state.foreign_frees++, 0;
  const size_t bytes = piece->bytes;
  piece->magic = 0;
  free(piece);
  return bytes;
}
static int memory_allocate(martlet_cu_pointer *pointer, size_t bytes) {
  REQUIRE_CONTEXT();
  if (bytes == 0) return MARTLET_CU_INVALID_VALUE;
  if (bytes > state.capacity - state.live_bytes) return MARTLET_CU_OUT_OF_MEMORY;
  *pointer = (martlet_cu_pointer)take(bytes, DEVICE_MEMORY);
  state.live_bytes += bytes;
  return 0;
}
static int memory_free(martlet_cu_pointer pointer) {
  REQUIRE_CONTEXT();
  state.live_bytes -= give_back((void *)pointer, DEVICE_MEMORY);
  return 0;
}
static int host_allocate(void **pointer, size_t bytes, unsigned flags) {
  REQUIRE_CONTEXT();
  if (bytes == 0 || flags != MARTLET_CU_HOST_PORTABLE) return MARTLET_CU_INVALID_VALUE;
  if (bytes > state.capacity) return MARTLET_CU_OUT_OF_MEMORY;
  *pointer = take(bytes, HOST_MEMORY);
  state.pinned_bytes += bytes;
  return 0;
}
static int host_free(void *pointer) {
  REQUIRE_CONTEXT();
  state.pinned_bytes -= give_back(pointer, HOST_MEMORY);
  return 0;
}
static int copy(martlet_cu_pointer to, martlet_cu_pointer from, size_t bytes) {
  REQUIRE_CONTEXT();
  memmove((void *)to, (const void *)from, bytes);
  return 0;
}

/// Null is the default stream.
static struct object *stream_of(martlet_cu_stream stream) {
  static struct object default_stream = {.kind = STREAM};
  struct object *o = (struct object *)stream;
  return o == NULL ? &default_stream : o->kind == STREAM ? o : NULL;
}
static int copy_async(martlet_cu_pointer to, martlet_cu_pointer from, size_t bytes, martlet_cu_stream stream) {
  REQUIRE_CONTEXT();
  if (stream_of(stream) == NULL) return MARTLET_CU_INVALID_VALUE;
  if (stream_of(stream)->is_capturing) return stream_of(stream)->nodes++, 0;
  return copy(to, from, bytes);
}
static int stream_create(martlet_cu_stream *stream, unsigned flags) {
  REQUIRE_CONTEXT();
  if (flags > MARTLET_CU_STREAM_NON_BLOCKING) return MARTLET_CU_INVALID_VALUE;
  state.live_streams++;
  *stream = (martlet_cu_stream)make(STREAM);
  return 0;
}
static int stream_destroy(martlet_cu_stream stream) {
  REQUIRE_CONTEXT();
  if (stream == NULL || stream_of(stream) == NULL) return MARTLET_CU_INVALID_VALUE;
  state.live_streams--;
  free(stream);
  return 0;
}
static int stream_synchronize(martlet_cu_stream stream) {
  REQUIRE_CONTEXT();
  struct object *o = stream_of(stream);
  return o == NULL ? MARTLET_CU_INVALID_VALUE : o->is_capturing ? CAPTURE_FAILED : 0;
}
static int stream_wait_event(martlet_cu_stream stream, martlet_cu_event event, unsigned flags) {
  REQUIRE_CONTEXT();
  return stream_of(stream) != NULL && ((struct object *)event)->kind == EVENT && flags == 0 ? 0 : 1;
}

static int event_create(martlet_cu_event *event, unsigned flags) {
  REQUIRE_CONTEXT();
  struct object *o = make(EVENT);
  o->is_timed = flags == MARTLET_CU_EVENT_TIMED;
  state.live_events++;
  *event = (martlet_cu_event)o;
  return 0;
}
static int event_destroy(martlet_cu_event event) {
  REQUIRE_CONTEXT();
  state.live_events--;
  free(event);
  return 0;
}
static int event_record(martlet_cu_event event, martlet_cu_stream stream) {
  REQUIRE_CONTEXT();
  ((struct object *)event)->nodes = 1;
  return stream_of(stream) != NULL ? 0 : MARTLET_CU_INVALID_VALUE;
}
static int event_query(martlet_cu_event event) {
  return ((struct object *)event)->nodes ? 0 : MARTLET_CU_NOT_READY;
}
static int event_synchronize(martlet_cu_event event) { return ((struct object *)event)->kind == EVENT ? 0 : 1; }
static int event_elapsed(float *milliseconds, martlet_cu_event start, martlet_cu_event end) {
  *milliseconds = 1;
  return ((struct object *)start)->is_timed && ((struct object *)end)->is_timed ? 0 : MARTLET_CU_INVALID_VALUE;
}

static int module_load(martlet_cu_module *module, const void *image) {
  REQUIRE_CONTEXT();
  if (memcmp(image, "FAKE CUBIN ", 11) != 0) return INVALID_IMAGE;
  state.live_modules++;
  *module = (martlet_cu_module)make(MODULE);
  return 0;
}
static int module_unload(martlet_cu_module module) {
  REQUIRE_CONTEXT();
  state.live_modules--;
  free(module);
  return 0;
}
static int module_function(martlet_cu_function *function, martlet_cu_module module, const char *name) {
  REQUIRE_CONTEXT();
  if (((struct object *)module)->kind != MODULE || strstr(name, "missing") != NULL) return NOT_FOUND;
  // Functions live as long as their module; here to the end, so that a launch can look at them.
  struct object *o = make(FUNCTION);
  snprintf(o->name, sizeof o->name, "%s", name);
  functions[function_count++ % 64] = o;
  *function = (martlet_cu_function)o;
  return 0;
}
static int function_set_attribute(martlet_cu_function function, int attribute, int value) {
  REQUIRE_CONTEXT();
  if (attribute == MARTLET_CU_FUNCTION_SHARED_SHARE) return value >= 0 && value <= 100 ? 0 : MARTLET_CU_INVALID_VALUE;
  ((struct object *)function)->nodes = value;
  return attribute == MARTLET_CU_FUNCTION_DYNAMIC_SHARED_BYTES ? 0 : MARTLET_CU_INVALID_VALUE;
}
static int launch(martlet_cu_function function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by,
                  unsigned bz, unsigned shared, martlet_cu_stream stream, void **parameters, void **extra) {
  REQUIRE_CONTEXT();
  struct object *f = (struct object *)function, *s = stream_of(stream);
  const unsigned allowed = f->nodes > 48 << 10 ? (unsigned)f->nodes : 48 << 10;
  if (s == NULL || extra != NULL || parameters == NULL || gx * gy * gz == 0 || bx * by * bz > 1024 || shared > allowed)
    return MARTLET_CU_INVALID_VALUE;
  if (s->is_capturing) return s->nodes++, 0;
  state.launches++;
  snprintf(state.last_function, sizeof state.last_function, "%s", f->name);
  memcpy(state.last_grid, (unsigned[]){gx, gy, gz}, sizeof state.last_grid);
  memcpy(state.last_block, (unsigned[]){bx, by, bz}, sizeof state.last_block);
  state.last_shared = shared;
  memcpy(&state.last_argument, parameters[0], sizeof state.last_argument);
  is_broken = state.failing_launch > 0 && state.launches >= state.failing_launch;
  return 0;
}

static int launch_configured(const martlet_cu_launch_configuration *c, martlet_cu_function function, void **parameters,
                             void **extra) {
  for (unsigned i = 0; i < c->attribute_count; i++)
    if (c->attributes[i].kind != MARTLET_CU_LAUNCH_OVERLAPPING) return MARTLET_CU_INVALID_VALUE;
  return launch(function, c->gx, c->gy, c->gz, c->bx, c->by, c->bz, c->shared, c->stream, parameters, extra);
}

static int capture_begin(martlet_cu_stream stream, int mode) {
  REQUIRE_CONTEXT();
  struct object *s = stream_of(stream);
  if (stream == NULL || s == NULL || s->is_capturing || mode != MARTLET_CU_CAPTURE_THREAD_LOCAL) return MARTLET_CU_INVALID_VALUE;
  s->is_capturing = 1;
  s->nodes = 0;
  return 0;
}
static int capture_end(martlet_cu_stream stream, martlet_cu_graph *graph) {
  REQUIRE_CONTEXT();
  struct object *s = stream_of(stream), *g = make(GRAPH);
  if (s == NULL || !s->is_capturing) return free(g), MARTLET_CU_INVALID_VALUE;
  s->is_capturing = 0;
  g->nodes = s->nodes;
  state.live_graphs++;
  *graph = (martlet_cu_graph)g;
  return 0;
}
static int graph_instantiate(martlet_cu_graph_exec *exec, martlet_cu_graph graph, unsigned long long flags) {
  struct object *e = make(GRAPH_EXEC);
  e->nodes = ((struct object *)graph)->nodes;
  state.live_graphs++;
  *exec = (martlet_cu_graph_exec)e;
  return flags == 0 ? 0 : MARTLET_CU_INVALID_VALUE;
}
static int graph_launch(martlet_cu_graph_exec exec, martlet_cu_stream stream) {
  REQUIRE_CONTEXT();
  state.graph_launches++;
  state.launches += ((struct object *)exec)->nodes;
  return stream_of(stream) != NULL ? 0 : MARTLET_CU_INVALID_VALUE;
}
static int graph_destroy(martlet_cu_graph graph) { return state.live_graphs--, free(graph), 0; }
static int graph_exec_destroy(martlet_cu_graph_exec exec) { return state.live_graphs--, free(exec), 0; }

martlet_cuda_functions fake_cuda_functions(void) {
  return (martlet_cuda_functions){
#define FIELD(EXPORTED, NAME, PARAMETERS) .NAME = NAME,
      MARTLET_CUDA_FUNCTIONS(FIELD)
#undef FIELD
  };
}

// --- The compiler: its code is the options behind a mark --------------------------------------------------------------

struct program {
  char log[256], code[256];
};

static int version(int *major, int *minor) { return *major = 13, *minor = 0, 0; }
static int architecture_count(int *count) { return *count = 3, 0; }
static int architectures(int *list) { return memcpy(list, (int[]){80, 86, 90}, 3 * sizeof(int)), 0; }
static int create(martlet_nvrtc_program *program, const char *source, const char *name, int count,
                  const char *const *headers, const char *const *names) {
  struct program *p = calloc(1, sizeof *p);
  if (strstr(source, "syntax error") != NULL) snprintf(p->log, sizeof p->log, "%s(1): error: expected a ;", name);
  *program = (martlet_nvrtc_program)p;
  return count == 0 && headers == NULL && names == NULL ? 0 : 1;
}
static int compile(martlet_nvrtc_program program, int count, const char *const *options) {
  struct program *p = (struct program *)program;
  __atomic_add_fetch(&state.compilations, 1, __ATOMIC_RELAXED);
  snprintf(p->code, sizeof p->code, "FAKE CUBIN %s", options[count - 1]);
  return p->log[0] != 0 ? 6 : 0;
}
static int log_size(martlet_nvrtc_program program, size_t *size) {
  return *size = strlen(((struct program *)program)->log) + 1, 0;
}
static int log_text(martlet_nvrtc_program program, char *text) {
  return strcpy(text, ((struct program *)program)->log), 0;
}
static int cubin_size(martlet_nvrtc_program program, size_t *size) {
  return *size = strlen(((struct program *)program)->code) + 1, 0;
}
static int cubin(martlet_nvrtc_program program, char *image) {
  return strcpy(image, ((struct program *)program)->code), 0;
}
static int destroy(martlet_nvrtc_program *program) { return free(*program), 0; }
static const char *nvrtc_error_string(int result) { return result ? "FAKE_NVRTC_ERROR" : "FAKE_NVRTC_SUCCESS"; }

martlet_nvrtc_functions fake_nvrtc_functions(void) {
  return (martlet_nvrtc_functions){
      .version = version,
      .architecture_count = architecture_count,
      .architectures = architectures,
      .create = create,
      .compile = compile,
      .log_size = log_size,
      .log = log_text,
      .cubin_size = cubin_size,
      .cubin = cubin,
      .destroy = destroy,
      .error_string = nvrtc_error_string,
  };
}
