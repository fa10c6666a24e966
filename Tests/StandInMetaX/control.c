// How tests steer the library and look into it.
#include "stand_in.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// The mark by which a library says that it only stands in, with the words that Martlet shows.
const char *const martlet_stand_in = "it only stands in for MetaX's library, and its results are not MetaX's";

enum { MOST_SWITCHES = 32, MOST_NAMES = 96 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct { char name[64], value[256]; } switches[MOST_SWITCHES];
static struct { char name[64]; long calls; } counters[MOST_NAMES];
static int switch_count, counter_count;

static struct object **objects;
static size_t object_count, object_capacity;

/// Sets a switch for this copy of the library, in place of the environment's.
void stand_in_set(const char *name, const char *value) {
  pthread_mutex_lock(&lock);
  int i = 0;
  while (i < switch_count && strcmp(switches[i].name, name) != 0) i++;
  if (i < MOST_SWITCHES) {
    snprintf(switches[i].name, sizeof switches[i].name, "%s", name);
    snprintf(switches[i].value, sizeof switches[i].value, "%s", value);
    if (i == switch_count) switch_count++;
  }
  pthread_mutex_unlock(&lock);
}

const char *switch_of(const char *name) {
  // Switches are never taken away, and set before the calls that they concern.
  for (int i = 0; i < switch_count; i++)
    if (strcmp(switches[i].name, name) == 0) return switches[i].value[0] != 0 ? switches[i].value : NULL;
  const char *value = getenv(name);
  return value != NULL && value[0] != 0 ? value : NULL;
}

long number_of(const char *name, long otherwise) {
  const char *value = switch_of(name);
  return value != NULL ? strtol(value, NULL, 10) : otherwise;
}

/// How often a function has been called.
long stand_in_calls(const char *name) {
  long calls = 0;
  pthread_mutex_lock(&lock);
  for (int i = 0; i < counter_count; i++)
    if (strcmp(counters[i].name, name) == 0) calls = counters[i].calls;
  pthread_mutex_unlock(&lock);
  return calls;
}

/// The fault that a list such as `mcMalloc:3:2,mcFree:*:1` has for a call: its error, at the third call or at every one.
static int fault_of(const char *list, const char *name, long call) {
  const size_t length = strlen(name);
  for (const char *entry = list; entry != NULL; entry = strchr(entry, ',')) {
    entry += *entry == ',';
    if (strncmp(entry, name, length) != 0 || entry[length] != ':') continue;
    const char *number = entry + length + 1, *error = strchr(number, ':');
    if (error == NULL) continue;
    if (*number == '*' || strtol(number, NULL, 10) == call) return (int)strtol(error + 1, NULL, 10);
  }
  return OK;
}

void note_line(const char *name, const char *detail) {
  const char *path = switch_of("STAND_IN_LOG");
  if (path == NULL) return;
  pthread_mutex_lock(&lock);
  FILE *file = fopen(path, "a");
  if (file != NULL) fprintf(file, detail != NULL ? "%s %s\n" : "%s\n", name, detail), fclose(file);
  pthread_mutex_unlock(&lock);
}

int note_call(const char *name) {
  pthread_mutex_lock(&lock);
  int i = 0;
  while (i < counter_count && strcmp(counters[i].name, name) != 0) i++;
  long call = 0;
  if (i < MOST_NAMES) {
    if (i == counter_count) snprintf(counters[counter_count++].name, sizeof counters[i].name, "%s", name);
    call = ++counters[i].calls;
  }
  pthread_mutex_unlock(&lock);
  note_line(name, NULL);
  const char *faults = switch_of("STAND_IN_FAIL");
  return faults != NULL ? fault_of(faults, name, call) : OK;
}

// --- Handles ----------------------------------------------------------------------------------------------------------

struct object *make_object(enum kind kind, void *inner) {
  struct object *object = calloc(1, sizeof *object);
  object->kind = kind, object->inner = inner;
  pthread_mutex_lock(&lock);
  if (object_count == object_capacity) {
    object_capacity = object_capacity * 2 + 16;
    objects = realloc(objects, object_capacity * sizeof *objects);
  }
  objects[object_count++] = object;
  pthread_mutex_unlock(&lock);
  return object;
}

struct object *object_of(const void *handle, enum kind kind) {
  struct object *found = NULL;
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < object_count && found == NULL; i++)
    if (objects[i] == handle && objects[i]->kind == kind) found = objects[i];
  pthread_mutex_unlock(&lock);
  return found;
}

void drop_object(struct object *object) {
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < object_count; i++)
    if (objects[i] == object) objects[i] = objects[--object_count];
  pthread_mutex_unlock(&lock);
  free(object->text), free(object->log), free(object->image), free(object);
}

/// Handles that nobody has destroyed; functions go with their modules and do not count.
long stand_in_live(void) {
  long live = 0;
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < object_count; i++) live += objects[i]->kind != FUNCTION;
  pthread_mutex_unlock(&lock);
  return live;
}

const struct backend *backend(void) {
  static const struct backend *chosen;
  const struct backend *known = __atomic_load_n(&chosen, __ATOMIC_ACQUIRE);
  if (known != NULL) return known;
  known = switch_of("STAND_IN_HOST") == NULL ? nvidia_backend() : NULL;
  if (known == NULL) known = &host_backend;
  __atomic_store_n(&chosen, known, __ATOMIC_RELEASE);
  return known;
}
