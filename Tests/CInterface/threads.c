// The same handles from several threads at once.
#include "check.h"
#include "golden.h"

#include <pthread.h>
#include <time.h>

enum { THREADS = 4, ROUNDS = 200 };

static martlet_model_t model;
static martlet_tensor_t shared;
static atomic_int freed;

static void *use_tensors(void *argument) {
  const int64_t shape[2] = {16, 64};
  int index = (int)(intptr_t)argument;
  float expected[16 * 64];
  for (int round = 0; round < ROUNDS; round++) {
    martlet_tensor_t out = empty_of(MARTLET_DTYPE_F32, 2, shape);
    OK(martlet_add(out, shared, shared));
    for (int i = 0; i < 16 * 64; i++) expected[i] = 2 * (float)i;
    CHECK(holds(out, expected, 16 * 64, 0));
    // Every thread has its own last error.
    int64_t wrong[1] = {-1 - index};
    char words[32];
    snprintf(words, sizeof words, "not -%d", 1 + index);
    martlet_tensor_t none;
    FAILS(martlet_tensor_create(wrong, 1, MARTLET_DTYPE_F32, MARTLET_DEVICE_CPU, 0, &none), MARTLET_INVALID_ARGUMENT, words);
    OK(martlet_tensor_free(out));
  }
  return NULL;
}

static void *free_once(void *argument) {
  if (martlet_tensor_free(argument) == MARTLET_OK) atomic_fetch_add(&freed, 1);
  return NULL;
}

static void *generate(void *argument) {
  size_t prompt = (size_t)(intptr_t)argument % golden_prompt_count;
  for (int round = 0; round < 3; round++) {
    martlet_request request =
        request_of(golden_prompts[prompt].tokens, golden_prompts[prompt].count, (int64_t)golden_prompts[prompt].generated_count);
    martlet_generation_t generation;
    OK(martlet_generation_start(model, &request, &generation));
    martlet_event event = {.struct_size = sizeof event};
    for (size_t step = 0; step < golden_prompts[prompt].generated_count; step++) {
      OK(martlet_generation_next(generation, &event));
      CHECK(event.token == golden_prompts[prompt].generated[step]);
    }
    OK(martlet_generation_free(generation));
  }
  return NULL;
}

/// Takes events until the generation ends; returns how it ended.
static void *drain(void *generation) {
  martlet_event event = {.struct_size = sizeof event};
  martlet_status status;
  do {
    status = martlet_generation_next(generation, &event);
  } while (status == MARTLET_OK);
  return (void *)(intptr_t)status;
}

static void run(void *(*body)(void *)) {
  pthread_t threads[THREADS];
  for (intptr_t i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, body, (void *)i) == 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
}

static void test_cancelling(void) {
  // A generation that would go on is ended by another thread, once by cancelling it and once by freeing it.
  for (int frees = 0; frees < 2; frees++) {
    martlet_request request = request_of(golden_prompts[0].tokens, golden_prompts[0].count, 0);
    request.ignore_end = true;
    request.temperature = 1;
    martlet_generation_t generation;
    OK(martlet_generation_start(model, &request, &generation));
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, drain, generation) == 0);
    nanosleep(&(struct timespec){.tv_nsec = 3000000}, NULL);
    if (frees) {
      OK(martlet_generation_free(generation));
    } else {
      OK(martlet_generation_cancel(generation));
    }
    void *status;
    pthread_join(thread, &status);
    // The little model may have been faster than this thread.
    martlet_status found = (martlet_status)(intptr_t)status;
    CHECK(found == MARTLET_CANCELLED || found == MARTLET_END || (frees && found == MARTLET_INVALID_HANDLE));
    if (!frees) OK(martlet_generation_free(generation));
  }
}

void test_threads(void) {
  const int64_t shape[2] = {16, 64};
  float values[16 * 64];
  for (int i = 0; i < 16 * 64; i++) values[i] = (float)i;
  shared = tensor_of(values, 2, shape);
  run(use_tensors);
  for (int round = 0; round < 50; round++) {
    martlet_tensor_t tensor = empty_of(MARTLET_DTYPE_F32, 2, shape);
    pthread_t threads[THREADS];
    atomic_store(&freed, 0);
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, free_once, tensor) == 0);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    CHECK(atomic_load(&freed) == 1);
  }
  OK(martlet_tensor_free(shared));
  martlet_model_options options = default_options();
  options.compute = "f32";
  OK(martlet_model_load(checkpoint_path, &options, &model));
  run(generate);
  test_cancelling();
  OK(martlet_model_free(model));
}
