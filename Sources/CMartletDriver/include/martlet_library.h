/// Libraries that are opened at run time: vendors' drivers, compilers and mathematics.
#pragma once

#include <stddef.h>

#pragma clang assume_nonnull begin

/// One function of a library: its exported name and where its address goes in a table of functions.
typedef struct {
  const char *name;
  size_t offset;  ///< in bytes from the start of the table
} martlet_symbol;

/// Opens a library by path, or by name in the system's own order. NULL if that fails; `reason` then holds the loader's
/// words. Symbols stay private to the handle.
void *_Nullable martlet_library_open(const char *path, char *reason, size_t capacity);

/// Fills a table from an open library. Returns the first function that the library lacks, or NULL if it has all; the
/// table is useless otherwise.
const char *_Nullable martlet_library_fill(void *library, const martlet_symbol *symbols, size_t count, void *table);

/// The file that an open library was loaded from, by the address of one of its functions; empty if the system does not say.
void martlet_library_path(const void *address, char *path, size_t capacity);

#pragma clang assume_nonnull end
