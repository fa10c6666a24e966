#define _GNU_SOURCE
#include "martlet_library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

void *martlet_library_open(const char *path, char *reason, size_t capacity) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    const char *words = dlerror();
    snprintf(reason, capacity, "%s", words ? words : "no reason given");
  }
  return library;
}

const char *martlet_library_fill(void *library, const martlet_symbol *symbols, size_t count, void *table) {
  for (size_t i = 0; i < count; i++) {
    void *address = dlsym(library, symbols[i].name);
    if (address == NULL) return symbols[i].name;
    // A copy of the bytes: C has no conversion between pointers to data and to functions.
    memcpy((char *)table + symbols[i].offset, &address, sizeof address);
  }
  return NULL;
}

void martlet_library_path(const void *address, char *path, size_t capacity) {
  Dl_info info;
  const int found = dladdr(address, &info) != 0 && info.dli_fname != NULL;
  snprintf(path, capacity, "%s", found ? info.dli_fname : "");
}
