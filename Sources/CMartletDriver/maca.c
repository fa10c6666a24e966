#define _GNU_SOURCE
#include "martlet_maca.h"

#include <dlfcn.h>
#include <string.h>

/// A function by its names in both flavours of the library.
struct row {
  const char *names[2];
  size_t offset;
};

#define COUNT(ARRAY) (sizeof(ARRAY) / sizeof *(ARRAY))
#define NAMED(EXPORTED, NAME) {{"mc" #EXPORTED, "hc" #EXPORTED}, offsetof(martlet_mc_functions, NAME)}
#define ROW(EXPORTED, NAME, PARAMETERS) NAMED(EXPORTED, NAME),
static const struct row required[] = {
    MARTLET_MC_FUNCTIONS(ROW) NAMED(GetErrorName, error_name), NAMED(GetErrorString, error_string)};
static const struct row optional[] = {MARTLET_MC_OPTIONAL_FUNCTIONS(ROW)};

/// Puts the address of a function into the table; false if the library has no such function.
static int find(void *library, const char *name, martlet_mc_functions *table, size_t offset) {
  void *address = dlsym(library, name);
  // A copy of the bytes: C has no conversion between pointers to data and to functions.
  memcpy((char *)table + offset, &address, sizeof address);
  return address != NULL;
}

const char *martlet_mc_fill(void *library, martlet_mc_functions *table) {
  // The first function that is there in either flavour tells which one it is.
  int flavour = 0;
  for (size_t i = 0; i < COUNT(required); i++) {
    if (dlsym(library, required[i].names[0]) != NULL) break;
    if ((flavour = dlsym(library, required[i].names[1]) != NULL)) break;
  }
  memset(table, 0, sizeof *table);
  table->prefix = flavour == 0 ? "mc" : "hc";
  for (size_t i = 0; i < COUNT(required); i++)
    if (!find(library, required[i].names[flavour], table, required[i].offset)) return required[i].names[flavour];
  for (size_t i = 0; i < COUNT(optional); i++) find(library, optional[i].names[flavour], table, optional[i].offset);
  if (table->bitcode_size == NULL || table->bitcode == NULL)
    if (table->code_size == NULL || table->code == NULL) return flavour == 0 ? "mcrtcGetBitcode" : "hcrtcGetBitcode";
  const char *const *stand_in = dlsym(library, "martlet_stand_in");
  table->stand_in = stand_in != NULL ? *stand_in : NULL;
  return NULL;
}

const char *martlet_mc_lacking(const martlet_mc_functions *table, int index) {
  for (size_t i = 0; i < COUNT(optional); i++) {
    void *address;
    memcpy(&address, (const char *)table + optional[i].offset, sizeof address);
    if (address == NULL && index-- == 0) return optional[i].names[0] + 2;
  }
  return NULL;
}
