/// A library that stands in for MetaX's, for tests: never installed, and refused by Martlet unless a variable allows it. In front
/// are the functions that MetaX exports, with strict checks, a log and faults; behind them either the host's memory, where no
/// kernel runs, or NVIDIA's driver.
#pragma once

#include <stddef.h>

/// Errors, by the numbers of CUDA's run-time library.
enum {
  OK = 0, INVALID_VALUE = 1, OUT_OF_MEMORY = 2, NOT_INITIALIZED = 3, WRONG_DIRECTION = 21, NO_DEVICE = 100,
  INVALID_DEVICE = 101, INVALID_IMAGE = 200, NOT_SELECTED = 201, INVALID_HANDLE = 400, NOT_FOUND = 500, NOT_READY = 600,
  LAUNCH_FAILED = 719, NOT_SUPPORTED = 801, CAPTURE_FAILED = 901,
};

/// What does the work. Handles are its own; a null stream is the default one. Every function gives an error.
struct backend {
  const char *name;
  int (*device_count)(int *count);
  int (*device_select)(int device);
  int (*device_synchronize)(void);
  int (*device_name)(char *name, int capacity, int device);
  int (*device_memory)(size_t *bytes, int device);
  int (*memory_info)(size_t *free_bytes, size_t *total);
  int (*allocate)(void **pointer, size_t bytes);
  int (*release)(void *pointer);
  int (*host_allocate)(void **pointer, size_t bytes);
  int (*host_release)(void *pointer);
  int (*copy)(void *to, const void *from, size_t bytes, void *stream, int is_async);
  int (*stream_create)(void **stream);
  int (*stream_destroy)(void *stream);
  int (*stream_synchronize)(void *stream);
  int (*stream_wait_event)(void *stream, void *event);
  int (*event_create)(void **event);
  int (*event_destroy)(void *event);
  int (*event_record)(void *event, void *stream);
  int (*event_query)(void *event);
  int (*event_synchronize)(void *event);
  int (*event_elapsed)(float *milliseconds, void *start, void *end);
  int (*module_load)(void **module, const void *image);
  int (*module_unload)(void *module);
  int (*module_function)(void **function, void *module, const char *name);
  int (*launch)(void *function, const unsigned *grid, const unsigned *block, unsigned shared, void *stream,
                void **parameters);
  int (*capture_begin)(void *stream);
  int (*capture_end)(void *stream, void **graph);
  int (*graph_instantiate)(void **executable, void *graph);
  int (*graph_launch)(void *executable, void *stream);
  int (*executable_destroy)(void *executable);
  int (*graph_destroy)(void *graph);
  /// Gives code and its size, or a log; both are freed by the caller.
  int (*compile)(const char *source, const char *name, void **code, size_t *size, char **log);
};

extern const struct backend host_backend;
/// Null where there is no device of NVIDIA or a library of it is missing.
const struct backend *nvidia_backend(void);

/// The one in use: NVIDIA's if there is one and `STAND_IN_HOST` is not set.
const struct backend *backend(void);

/// A switch: what `stand_in_set` was given, else the variable of the environment; null if neither is set.
const char *switch_of(const char *name);
long number_of(const char *name, long otherwise);

/// Adds a line to the log that `STAND_IN_LOG` names: a call, and what it was for if that is worth telling.
void note_line(const char *name, const char *detail);

/// Notes a call in the log and gives the fault that is due, or 0.
int note_call(const char *name);

/// Things that have handles.
enum kind { STREAM = 0x5a01, EVENT, MODULE, FUNCTION, GRAPH, EXECUTABLE, PROGRAM };

/// A handle: what it is, and what stands behind it.
struct object {
  enum kind kind;
  void *inner;
  char name[64];        ///< of a function
  int is_recorded;      ///< of an event
  int is_capturing;     ///< of a stream
  char *text, *log;     ///< of a program
  void *image;          ///< of a program, once compiled
  size_t image_size;
};

/// A new handle, counted as live.
struct object *make_object(enum kind kind, void *inner);
/// The handle if it is a live one of the kind, else null.
struct object *object_of(const void *handle, enum kind kind);
/// Ends a handle's life.
void drop_object(struct object *object);

/// What stands ahead of code, so that nothing else passes for it.
struct image_header {
  char tag[8];
  size_t size;  ///< of what follows
};
#define IMAGE_TAG "STANDIN\1"

/// A function's name as this build exports it.
#ifdef STAND_IN_HPCC
#define EXPORTED(NAME) hc##NAME
#define EXPORTED_TEXT(NAME) "hc" #NAME
#else
#define EXPORTED(NAME) mc##NAME
#define EXPORTED_TEXT(NAME) "mc" #NAME
#endif

/// Begins an exported function: notes the call, and ends it with the fault that is due.
#define BEGIN(NAME)                                      \
  do {                                                   \
    const int fault = note_call(EXPORTED_TEXT(NAME));    \
    if (fault != OK) return fault;                       \
  } while (0)
