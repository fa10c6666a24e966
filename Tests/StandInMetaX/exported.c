// The run-time functions that MetaX exports, with strict arguments.
#include "stand_in.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// The device that this thread has chosen; the real library begins with the first one, but nobody should rely on it.
static _Thread_local int selected = -1;

#define NEEDS_DEVICE() \
  if (selected < 0) return NOT_SELECTED
/// Finds what stands behind a stream, the default one included.
#define STREAM_BEHIND(HANDLE, INNER)                     \
  void *INNER = NULL;                                    \
  if ((HANDLE) != NULL) {                                \
    if (object_of(HANDLE, STREAM) == NULL) return INVALID_HANDLE; \
    INNER = ((struct object *)(HANDLE))->inner;          \
  }
#define OBJECT(HANDLE, KIND, NAME)                   \
  struct object *NAME = object_of(HANDLE, KIND);     \
  if (NAME == NULL) return INVALID_HANDLE

const char *EXPORTED(GetErrorName)(int error) {
  switch (error) {
    case OK: return "mcSuccess";
    case INVALID_VALUE: return "mcErrorInvalidValue";
    case OUT_OF_MEMORY: return "mcErrorMemoryAllocation";
    case NO_DEVICE: return "mcErrorNoDevice";
    default: return "mcErrorStandIn";
  }
}
const char *EXPORTED(GetErrorString)(int error) {
  switch (error) {
    case OK: return "no error";
    case INVALID_VALUE: return "an argument is wrong";
    case OUT_OF_MEMORY: return "out of memory";
    case WRONG_DIRECTION: return "the kind of the copy is not that of its addresses";
    case NO_DEVICE: return "no device";
    case INVALID_IMAGE: return "the image is none of this platform";
    case NOT_SELECTED: return "no device is selected on this thread";
    case INVALID_HANDLE: return "a handle is none, or of another kind";
    case LAUNCH_FAILED: return "a kernel failed";
    default: return "something is wrong";
  }
}

// --- Devices ----------------------------------------------------------------------------------------------------------

int EXPORTED(Init)(unsigned flags) {
  BEGIN(Init);
  return flags == 0 ? OK : INVALID_VALUE;
}
int EXPORTED(GetDeviceCount)(int *count) {
  BEGIN(GetDeviceCount);
  return backend()->device_count(count);
}
static int is_device(int device) {
  int count = 0;
  return backend()->device_count(&count) == OK && device >= 0 && device < count;
}
int EXPORTED(SetDevice)(int device) {
  BEGIN(SetDevice);
  if (!is_device(device)) return INVALID_DEVICE;
  selected = device;
  return backend()->device_select(device);
}
int EXPORTED(GetDevice)(int *device) {
  BEGIN(GetDevice);
  NEEDS_DEVICE();
  return *device = selected, OK;
}
int EXPORTED(DeviceSynchronize)(void) {
  BEGIN(DeviceSynchronize);
  NEEDS_DEVICE();
  return backend()->device_synchronize();
}
int EXPORTED(DeviceGetName)(char *name, int capacity, int device) {
  BEGIN(DeviceGetName);
  return is_device(device) && capacity > 0 ? backend()->device_name(name, capacity, device) : INVALID_DEVICE;
}
int EXPORTED(DeviceTotalMem)(size_t *bytes, int device) {
  BEGIN(DeviceTotalMem);
  return is_device(device) ? backend()->device_memory(bytes, device) : INVALID_DEVICE;
}
int EXPORTED(DeviceGetAttribute)(int *value, int attribute, int device) {
  BEGIN(DeviceGetAttribute);
  // Sources agree on this number only.
  if (attribute != 16 || !is_device(device)) return INVALID_VALUE;
  return *value = (int)number_of("STAND_IN_PROCESSORS", 104), OK;
}

// --- Memory -----------------------------------------------------------------------------------------------------------

/// A piece that was given out.
struct piece {
  char *start;
  size_t bytes;
  int is_device;
  struct piece *next;
};
static struct piece *pieces;
static pthread_mutex_t pieces_lock = PTHREAD_MUTEX_INITIALIZER;

static void note_piece(void *start, size_t bytes, int is_on_device) {
  struct piece *piece = malloc(sizeof *piece);
  pthread_mutex_lock(&pieces_lock);
  *piece = (struct piece){start, bytes, is_on_device, pieces};
  pieces = piece;
  pthread_mutex_unlock(&pieces_lock);
}
/// Forgets a piece that begins at an address; whether there was one of that kind.
static int forget_piece(const void *start, int is_on_device) {
  int found = 0;
  pthread_mutex_lock(&pieces_lock);
  for (struct piece **link = &pieces; *link != NULL && !found; link = found ? link : &(*link)->next)
    if ((*link)->start == start && (*link)->is_device == is_on_device) {
      struct piece *piece = *link;
      *link = piece->next;
      free(piece);
      found = 1;
    }
  pthread_mutex_unlock(&pieces_lock);
  return found;
}
/// 1 for bytes within one piece of the device, 0 for bytes that touch none, -1 for others.
static int place_of(const void *address, size_t bytes) {
  const char *start = address;
  int place = 0;
  pthread_mutex_lock(&pieces_lock);
  for (const struct piece *piece = pieces; piece != NULL && place == 0; piece = piece->next)
    if (piece->is_device && start < piece->start + piece->bytes && start + bytes > piece->start)
      place = start >= piece->start && start + bytes <= piece->start + piece->bytes ? 1 : -1;
  pthread_mutex_unlock(&pieces_lock);
  return place;
}

int EXPORTED(MemGetInfo)(size_t *free_bytes, size_t *total) {
  BEGIN(MemGetInfo);
  NEEDS_DEVICE();
  return backend()->memory_info(free_bytes, total);
}
int EXPORTED(Malloc)(void **pointer, size_t bytes) {
  BEGIN(Malloc);
  NEEDS_DEVICE();
  if (pointer == NULL || bytes == 0) return INVALID_VALUE;
  const int result = backend()->allocate(pointer, bytes);
  if (result == OK) note_piece(*pointer, bytes, 1);
  return result;
}
int EXPORTED(Free)(void *pointer) {
  BEGIN(Free);
  NEEDS_DEVICE();
  return forget_piece(pointer, 1) ? backend()->release(pointer) : INVALID_VALUE;
}
int EXPORTED(MallocHost)(void **pointer, size_t bytes, unsigned flags) {
  BEGIN(MallocHost);
  NEEDS_DEVICE();
  if (pointer == NULL || bytes == 0 || flags != 0) return INVALID_VALUE;
  const int result = backend()->host_allocate(pointer, bytes);
  if (result == OK) note_piece(*pointer, bytes, 0);
  return result;
}
int EXPORTED(FreeHost)(void *pointer) {
  BEGIN(FreeHost);
  NEEDS_DEVICE();
  return forget_piece(pointer, 0) ? backend()->host_release(pointer) : INVALID_VALUE;
}

/// Whether a copy's kind is one that all sources agree on, and that of its addresses.
static int check_copy(const void *to, const void *from, size_t bytes, int kind) {
  if (to == NULL || from == NULL || kind < 1 || kind > 3) return INVALID_VALUE;
  const int to_device = kind == 1 || kind == 3, from_device = kind == 2 || kind == 3;
  return place_of(to, bytes) == to_device && place_of(from, bytes) == from_device ? OK : WRONG_DIRECTION;
}
int EXPORTED(Memcpy)(void *to, const void *from, size_t bytes, int kind) {
  BEGIN(Memcpy);
  NEEDS_DEVICE();
  const int result = check_copy(to, from, bytes, kind);
  return result != OK ? result : backend()->copy(to, from, bytes, NULL, 0);
}
int EXPORTED(MemcpyAsync)(void *to, const void *from, size_t bytes, int kind, void *stream) {
  BEGIN(MemcpyAsync);
  NEEDS_DEVICE();
  STREAM_BEHIND(stream, inner);
  const int result = check_copy(to, from, bytes, kind);
  return result != OK ? result : backend()->copy(to, from, bytes, inner, 1);
}

// --- Streams and events -----------------------------------------------------------------------------------------------

int EXPORTED(StreamCreate)(void **stream) {
  BEGIN(StreamCreate);
  NEEDS_DEVICE();
  void *inner = NULL;
  const int result = backend()->stream_create(&inner);
  if (result == OK) *stream = make_object(STREAM, inner);
  return result;
}
int EXPORTED(StreamDestroy)(void *stream) {
  BEGIN(StreamDestroy);
  NEEDS_DEVICE();
  OBJECT(stream, STREAM, object);
  const int result = backend()->stream_destroy(object->inner);
  drop_object(object);
  return result;
}
int EXPORTED(StreamSynchronize)(void *stream) {
  BEGIN(StreamSynchronize);
  NEEDS_DEVICE();
  STREAM_BEHIND(stream, inner);
  return backend()->stream_synchronize(inner);
}
int EXPORTED(StreamWaitEvent)(void *stream, void *event, unsigned flags) {
  BEGIN(StreamWaitEvent);
  NEEDS_DEVICE();
  STREAM_BEHIND(stream, inner);
  OBJECT(event, EVENT, object);
  return flags == 0 ? backend()->stream_wait_event(inner, object->inner) : INVALID_VALUE;
}
int EXPORTED(EventCreate)(void **event) {
  BEGIN(EventCreate);
  NEEDS_DEVICE();
  void *inner = NULL;
  const int result = backend()->event_create(&inner);
  if (result == OK) *event = make_object(EVENT, inner);
  return result;
}
int EXPORTED(EventDestroy)(void *event) {
  BEGIN(EventDestroy);
  OBJECT(event, EVENT, object);
  const int result = backend()->event_destroy(object->inner);
  drop_object(object);
  return result;
}
int EXPORTED(EventRecord)(void *event, void *stream) {
  BEGIN(EventRecord);
  NEEDS_DEVICE();
  STREAM_BEHIND(stream, inner);
  OBJECT(event, EVENT, object);
  object->is_recorded = 1;
  return backend()->event_record(object->inner, inner);
}
int EXPORTED(EventQuery)(void *event) {
  BEGIN(EventQuery);
  OBJECT(event, EVENT, object);
  return object->is_recorded ? backend()->event_query(object->inner) : NOT_READY;
}
int EXPORTED(EventSynchronize)(void *event) {
  BEGIN(EventSynchronize);
  OBJECT(event, EVENT, object);
  return backend()->event_synchronize(object->inner);
}
int EXPORTED(EventElapsedTime)(float *milliseconds, void *start, void *end) {
  BEGIN(EventElapsedTime);
  OBJECT(start, EVENT, first);
  OBJECT(end, EVENT, last);
  if (!first->is_recorded || !last->is_recorded) return INVALID_VALUE;
  return backend()->event_elapsed(milliseconds, first->inner, last->inner);
}
