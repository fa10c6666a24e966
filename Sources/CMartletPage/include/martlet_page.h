/// The web page's files, embedded.
#pragma once

#include <stddef.h>

#pragma clang assume_nonnull begin

typedef struct __attribute__((swift_attr("@Sendable"))) {
  const char *path;  ///< below the page's own address: "" is the page itself
  const char *type;  ///< of the content, as a header says it
  const unsigned char *bytes;
  size_t count;
} martlet_page_file;

martlet_page_file martlet_page_file_at(int index);
int martlet_page_file_count(void);

/// What the page may do, one directive of its Content-Security-Policy a line.
const char *martlet_page_policy(void);

#pragma clang assume_nonnull end
