// The functions of the run-time compiler, `mcrtc…`.
#include "stand_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RTC_INVALID_INPUT = 3, RTC_INVALID_PROGRAM = 4, RTC_INVALID_OPTION = 5, RTC_COMPILATION = 6 };

int EXPORTED(rtcVersion)(int *major, int *minor) {
  BEGIN(rtcVersion);
  return *major = 1, *minor = 0, OK;
}

int EXPORTED(rtcCreateProgram)(void **program, const char *source, const char *name, int header_count,
                               const char *const *headers, const char *const *include_names) {
  BEGIN(rtcCreateProgram);
  // No public program hands over headers.
  if (program == NULL || source == NULL || header_count != 0 || headers != NULL || include_names != NULL)
    return RTC_INVALID_INPUT;
  struct object *object = make_object(PROGRAM, NULL);
  object->text = strdup(source);
  snprintf(object->name, sizeof object->name, "%s", name != NULL ? name : "source");
  return *program = object, OK;
}

/// Options that public programs use; everything else may be unknown, above all NVIDIA's architectures.
static int is_known(const char *option) {
  return strcmp(option, "-std=c++17") == 0 || strncmp(option, "-I", 2) == 0 || strncmp(option, "--include-path=", 15) == 0;
}

int EXPORTED(rtcCompileProgram)(void *program, int option_count, const char *const *options) {
  BEGIN(rtcCompileProgram);
  struct object *object = object_of(program, PROGRAM);
  if (object == NULL) return RTC_INVALID_PROGRAM;
  free(object->log), object->log = NULL;
  for (int i = 0; i < option_count; i++)
    if (!is_known(options[i])) {
      const size_t size = strlen(options[i]) + 64;
      snprintf(object->log = malloc(size), size, "error: unknown option %s", options[i]);
      return RTC_INVALID_OPTION;
    }
  const char *words = switch_of("STAND_IN_COMPILE_ERROR");
  if (words != NULL && strstr(object->text, "identify") == NULL) return object->log = strdup(words), RTC_COMPILATION;
  void *code = NULL;
  size_t size = 0;
  const int result = backend()->compile(object->text, object->name, &code, &size, &object->log);
  if (result == OK) {
    struct image_header header = {.size = size};
    memcpy(header.tag, IMAGE_TAG, sizeof header.tag);
    free(object->image);
    object->image_size = sizeof header + size;
    object->image = malloc(object->image_size);
    memcpy(object->image, &header, sizeof header);
    memcpy((char *)object->image + sizeof header, code, size);
  }
  free(code);
  return result;
}

int EXPORTED(rtcGetProgramLogSize)(void *program, size_t *size) {
  BEGIN(rtcGetProgramLogSize);
  const struct object *object = object_of(program, PROGRAM);
  if (object == NULL) return RTC_INVALID_PROGRAM;
  return *size = object->log != NULL ? strlen(object->log) + 1 : 0, OK;
}
int EXPORTED(rtcGetProgramLog)(void *program, char *log) {
  BEGIN(rtcGetProgramLog);
  const struct object *object = object_of(program, PROGRAM);
  if (object == NULL || object->log == NULL) return RTC_INVALID_PROGRAM;
  return strcpy(log, object->log), OK;
}
int EXPORTED(rtcDestroyProgram)(void **program) {
  BEGIN(rtcDestroyProgram);
  struct object *object = object_of(*program, PROGRAM);
  if (object == NULL) return RTC_INVALID_PROGRAM;
  drop_object(object);
  return *program = NULL, OK;
}

// Releases differ in which of the two pairs they have.
#ifdef STAND_IN_CODE
#define OUTPUT_SIZE rtcGetCodeSize
#define OUTPUT rtcGetCode
#else
#define OUTPUT_SIZE rtcGetBitcodeSize
#define OUTPUT rtcGetBitcode
#endif
#define EXPORTED_BY_MACRO(NAME) EXPORTED(NAME)
#define BEGIN_BY_MACRO(NAME) BEGIN(NAME)

int EXPORTED_BY_MACRO(OUTPUT_SIZE)(void *program, size_t *size) {
  BEGIN_BY_MACRO(OUTPUT_SIZE);
  const struct object *object = object_of(program, PROGRAM);
  if (object == NULL || object->image == NULL) return RTC_INVALID_PROGRAM;
  return *size = object->image_size, OK;
}
int EXPORTED_BY_MACRO(OUTPUT)(void *program, char *image) {
  BEGIN_BY_MACRO(OUTPUT);
  const struct object *object = object_of(program, PROGRAM);
  if (object == NULL || object->image == NULL) return RTC_INVALID_PROGRAM;
  return memcpy(image, object->image, object->image_size), OK;
}
