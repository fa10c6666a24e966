// Everything that a C program can do with libmartlet.so, misuse included: scripts/test_c.sh builds and runs it.
#include "check.h"

#include <math.h>

atomic_int failures;
const char *checkpoint_path;
const char *default_model_path;

void check_status(martlet_status found, martlet_status expected, const char *words, const char *call, const char *file,
                  int line) {
  const char *error = martlet_last_error();
  if (found == expected && martlet_last_status() == found && strstr(error, words) &&
      (expected == MARTLET_OK) == (*error == 0)) {
    return;
  }
  atomic_fetch_add(&failures, 1);
  fprintf(stderr, "%s:%d: %s\n  gave %d (last status %d), \"%s\"\n  expected %d, \"%s\"\n", file, line, call, (int)found,
          (int)martlet_last_status(), error, (int)expected, words);
}

martlet_tensor_t empty_of(martlet_dtype dtype, size_t dimensions, const int64_t *shape) {
  martlet_tensor_t tensor = NULL;
  OK(martlet_tensor_create(shape, dimensions, dtype, MARTLET_DEVICE_CPU, 0, &tensor));
  return tensor;
}

static martlet_tensor_info describe(martlet_tensor_t tensor) {
  martlet_tensor_info info = {.struct_size = sizeof info};
  OK(martlet_tensor_describe(tensor, &info));
  return info;
}

martlet_tensor_t tensor_of(const float *values, size_t dimensions, const int64_t *shape) {
  martlet_tensor_t tensor = empty_of(MARTLET_DTYPE_F32, dimensions, shape);
  OK(martlet_tensor_load(tensor, values, describe(tensor).element_count * sizeof(float)));
  return tensor;
}

martlet_tensor_t indices_of(const int64_t *values, int64_t count) {
  martlet_tensor_t tensor = empty_of(MARTLET_DTYPE_I64, 1, &count);
  OK(martlet_tensor_load(tensor, values, (size_t)count * sizeof *values));
  return tensor;
}

bool holds(martlet_tensor_t tensor, const float *expected, size_t count, float tolerance) {
  float *found = malloc((count + 1) * sizeof *found);
  OK(martlet_tensor_read(tensor, found, count * sizeof *found));
  bool same = true;
  for (size_t i = 0; i < count; i++) {
    if (!(fabsf(found[i] - expected[i]) <= tolerance * (1 + fabsf(expected[i])))) {
      fprintf(stderr, "element %zu is %g, expected %g\n", i, (double)found[i], (double)expected[i]);
      same = false;
      break;
    }
  }
  free(found);
  return same;
}

float noise(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (float)(int32_t)(*state >> 32) / 2147483648.0f;
}

char *joined(char *text, const char *piece, size_t length) {
  size_t before = strlen(text);
  text = realloc(text, before + length + 1);
  memcpy(text + before, piece, length);
  text[before + length] = 0;
  return text;
}

martlet_model_options default_options(void) {
  martlet_model_options options;
  OK(martlet_model_options_init(&options, sizeof options));
  return options;
}

martlet_request request_of(const int32_t *tokens, size_t count, int64_t max_tokens) {
  martlet_request request;
  OK(martlet_request_init(&request, sizeof request));
  request.tokens = tokens;
  request.token_count = count;
  request.max_tokens = max_tokens;
  return request;
}

int main(int count, char **arguments) {
  if (count < 2) {
    fprintf(stderr, "usage: %s CHECKPOINT_FOLDER [DEFAULT_MODEL]\n", arguments[0]);
    return 64;
  }
  checkpoint_path = arguments[1];
  default_model_path = count > 2 ? arguments[2] : NULL;
  static const struct {
    const char *name;
    void (*run)(void);
  } parts[] = {
      {"status", test_status},         {"tensors", test_tensors}, {"operators", test_operators},
      {"llaisys", test_llaisys},       {"qwen2", test_qwen2},     {"models", test_models},
      {"generation", test_generation}, {"text", test_default_model}, {"threads", test_threads},
      {"misuse", test_misuse},
  };
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    int before = atomic_load(&failures);
    parts[i].run();
    printf("  %-10s %s\n", parts[i].name, atomic_load(&failures) == before ? "passed" : "FAILED");
    fflush(stdout);
  }
  return atomic_load(&failures) ? 1 : 0;
}
