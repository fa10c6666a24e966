// What the tests of the C interface share: checks that go on after a failure, and the parts that main.c runs.
#ifndef CHECK_H
#define CHECK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "llaisys.h"
#include "martlet.h"

/// Checks that have failed, in all threads.
extern atomic_int failures;

/// Where the tests find models: a folder of the goldens, and the default model or null.
extern const char *checkpoint_path;
extern const char *default_model_path;

/// The condition holds.
#define CHECK(condition) \
  do { \
    if (!(condition)) { \
      atomic_fetch_add(&failures, 1); \
      fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
    } \
  } while (0)

/// The call succeeds.
#define OK(call) check_status(call, MARTLET_OK, "", #call, __FILE__, __LINE__)

/// The call fails with this status and a text that holds these words.
#define FAILS(call, status, words) check_status(call, status, words, #call, __FILE__, __LINE__)

/// The call of a function without a status fails so.
#define LEAVES(call, status, words) \
  do { \
    (void)(call); \
    check_status(martlet_last_status(), status, words, #call, __FILE__, __LINE__); \
  } while (0)

void check_status(martlet_status found, martlet_status expected, const char *words, const char *call, const char *file,
                  int line);

/// A tensor of f32 with these numbers on the processor.
martlet_tensor_t tensor_of(const float *values, size_t dimensions, const int64_t *shape);
/// A tensor of i64 with these numbers.
martlet_tensor_t indices_of(const int64_t *values, int64_t count);
/// A tensor without values.
martlet_tensor_t empty_of(martlet_dtype dtype, size_t dimensions, const int64_t *shape);
/// The elements of a tensor of f32 are these within a tolerance.
bool holds(martlet_tensor_t tensor, const float *expected, size_t count, float tolerance);
/// Numbers from -1 to 1, the same every time.
float noise(uint64_t *state);
/// Adds the lengths of all parts of a text, to see it whole.
char *joined(char *text, const char *piece, size_t length);

/// An options structure with its defaults.
martlet_model_options default_options(void);
/// A request with its defaults and a prompt of tokens.
martlet_request request_of(const int32_t *tokens, size_t count, int64_t max_tokens);

void test_status(void);
void test_tensors(void);
void test_operators(void);
void test_llaisys(void);
void test_qwen2(void);
void test_models(void);
void test_generation(void);
void test_default_model(void);
void test_threads(void);
void test_misuse(void);

#endif
