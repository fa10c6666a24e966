// Generation by token ids on a checkpoint of the goldens: tokens and log-probabilities are transformers'.
#include "check.h"
#include "golden.h"

#include <math.h>

static martlet_model_t load(void) {
  martlet_model_t model = NULL;
  martlet_model_options options = default_options();
  options.compute = "f32";
  OK(martlet_model_load(checkpoint_path, &options, &model));
  return model;
}

static martlet_request golden_request(size_t prompt) {
  return request_of(golden_prompts[prompt].tokens, golden_prompts[prompt].count,
                    (int64_t)golden_prompts[prompt].generated_count);
}

/// Takes all events of a generation of a golden prompt and compares.
static void expect_golden(martlet_generation_t generation, size_t prompt) {
  martlet_event event = {.struct_size = sizeof event};
  for (size_t step = 0; step < golden_prompts[prompt].generated_count; step++) {
    OK(martlet_generation_next(generation, &event));
    CHECK(event.kind == MARTLET_EVENT_TOKEN && event.token == golden_prompts[prompt].generated[step]);
    CHECK(event.text && event.text_length == 0 && *event.text == 0);
  }
  OK(martlet_generation_next(generation, &event));
  CHECK(event.kind == MARTLET_EVENT_FINISHED && event.finish_reason == MARTLET_FINISH_LENGTH && event.token == -1);
  CHECK(event.prompt_tokens == (int64_t)golden_prompts[prompt].count);
  CHECK(event.generated_tokens == (int64_t)golden_prompts[prompt].generated_count);
  CHECK(event.total_seconds >= event.first_token_seconds && event.first_token_seconds >= event.queue_seconds);
  FAILS(martlet_generation_next(generation, &event), MARTLET_END, "last event");
  FAILS(martlet_generation_next(generation, &event), MARTLET_END, "last event");
}

static void test_pull(martlet_model_t model) {
  // All prompts at once, and three samples of one: computed together, each as alone.
  martlet_generation_t generations[16], samples[3];
  for (size_t prompt = 0; prompt < golden_prompt_count; prompt++) {
    martlet_request request = golden_request(prompt);
    OK(martlet_generation_start(model, &request, &generations[prompt]));
  }
  martlet_request shared = golden_request(golden_prompt_count - 1);
  OK(martlet_generation_start_samples(model, &shared, 3, samples));
  for (size_t prompt = golden_prompt_count; prompt-- > 0;) expect_golden(generations[prompt], prompt);
  for (size_t i = 0; i < 3; i++) expect_golden(samples[i], golden_prompt_count - 1);
  for (size_t prompt = 0; prompt < golden_prompt_count; prompt++) OK(martlet_generation_free(generations[prompt]));
  for (size_t i = 0; i < 3; i++) OK(martlet_generation_free(samples[i]));
  martlet_event event = {.struct_size = sizeof event};
  FAILS(martlet_generation_next(samples[0], &event), MARTLET_INVALID_HANDLE, "freed");
}

static void test_logprobs(martlet_model_t model) {
  martlet_request request = golden_request(0);
  request.max_tokens = 1;
  request.logprobs = 5;
  martlet_generation_t generation;
  OK(martlet_generation_start(model, &request, &generation));
  martlet_event event = {.struct_size = sizeof event};
  OK(martlet_generation_next(generation, &event));
  CHECK(event.has_logprob && event.top_count == 5);
  for (size_t i = 0; i < 5 && i < event.top_count; i++) {
    CHECK(event.top[i].token == golden_first[i].token && fabsf(event.top[i].logprob - golden_first[i].logprob) < 1e-3f);
  }
  CHECK(fabsf(event.logprob - golden_first[0].logprob) < 1e-3f);
  OK(martlet_generation_free(generation));

  // The log-probabilities of a text are those of generating it.
  float scores[64];
  int32_t tokens[64];
  size_t count = golden_prompts[1].count;
  memcpy(tokens, golden_prompts[1].tokens, count * sizeof *tokens);
  tokens[count] = golden_prompts[1].generated[0];
  OK(martlet_log_probabilities(model, tokens, count + 1, scores));
  request = golden_request(1);
  request.logprobs = 0;
  OK(martlet_generation_start(model, &request, &generation));
  OK(martlet_generation_next(generation, &event));
  CHECK(isnan(scores[0]) && event.has_logprob && event.top_count == 0 && fabsf(event.logprob - scores[count]) < 1e-4f);
  OK(martlet_generation_free(generation));
  FAILS(martlet_log_probabilities(model, tokens, 0, scores), MARTLET_INVALID_REQUEST, "0 tokens");
  FAILS(martlet_log_probabilities(model, NULL, 3, scores), MARTLET_INVALID_ARGUMENT, "tokens");
  FAILS(martlet_log_probabilities(model, tokens, 3, NULL), MARTLET_INVALID_ARGUMENT, "logprobs");
  tokens[2] = golden_vocabulary;
  FAILS(martlet_log_probabilities(model, tokens, 3, scores), MARTLET_INVALID_REQUEST, "token id");
  martlet_perplexity_result result;
  size_t last = golden_prompt_count - 1;
  OK(martlet_perplexity(model, golden_prompts[last].tokens, golden_prompts[last].count, 64, &result));
  CHECK(result.chunks == (int64_t)golden_prompts[last].count / 64 && result.tokens > 0 && result.perplexity > 1);
  FAILS(martlet_perplexity(model, tokens, 2, 64, &result), MARTLET_INVALID_REQUEST, "chunk");
  FAILS(martlet_perplexity(model, tokens, 2, -1, &result), MARTLET_INVALID_REQUEST, "context");
}

static bool count_to(const martlet_event *event, void *user_data) {
  CHECK(event->struct_size == sizeof *event);
  return --*(int *)user_data != 0;
}

static void test_callback(martlet_model_t model) {
  martlet_request request = golden_request(0);
  int left = 1000;
  OK(martlet_generate(model, &request, count_to, &left));
  CHECK(1000 - left == (int)golden_prompts[0].generated_count + 1);
  left = 3;
  FAILS(martlet_generate(model, &request, count_to, &left), MARTLET_CANCELLED, "callback");
  CHECK(left == 0);
  FAILS(martlet_generate(model, &request, NULL, NULL), MARTLET_INVALID_ARGUMENT, "callback");
}

static void test_sampling(martlet_model_t model) {
  int32_t found[3][12];
  for (int run = 0; run < 3; run++) {
    martlet_request request = golden_request(2);
    request.max_tokens = 12;
    request.temperature = 5;
    request.top_k = 200;
    request.top_p = 0.99f;
    request.min_p = 0.001f;
    request.repetition_penalty = 1.1f;
    request.presence_penalty = 0.1f;
    request.frequency_penalty = 0.1f;
    request.has_seed = true;
    request.seed = run == 2 ? 43 : 42;
    request.ignore_end = true;
    martlet_generation_t generation;
    OK(martlet_generation_start(model, &request, &generation));
    martlet_event event = {.struct_size = sizeof event};
    for (int i = 0; i < 12; i++) {
      OK(martlet_generation_next(generation, &event));
      found[run][i] = event.token;
    }
    OK(martlet_generation_free(generation));
  }
  CHECK(memcmp(found[0], found[1], sizeof *found) == 0 && memcmp(found[0], found[2], sizeof *found) != 0);
  // A bias decides, and a forbidden token does not come.
  martlet_logit_bias bias[2] = {{.token = 7, .bias = 1000}, {.token = golden_prompts[0].generated[0], .bias = -INFINITY}};
  martlet_request request = golden_request(0);
  request.logit_bias = bias;
  request.logit_bias_count = 2;
  martlet_generation_t generation;
  OK(martlet_generation_start(model, &request, &generation));
  martlet_event event = {.struct_size = sizeof event};
  OK(martlet_generation_next(generation, &event));
  CHECK(event.token == 7);
  OK(martlet_generation_free(generation));
}

static void test_refusals(martlet_model_t model) {
  const martlet_request good = golden_request(0);
  martlet_generation_t generation = NULL;
  martlet_request request;
#define REFUSED(change, status, words) \
  do { \
    request = good; \
    change; \
    FAILS(martlet_generation_start(model, &request, &generation), status, words); \
  } while (0)
  const int32_t wrong[2] = {1, golden_vocabulary}, far[1] = {INT32_MIN};
  static int32_t many[600];
  const char *const stops[1] = {""};
  const char *const nothing[1] = {NULL};
  martlet_logit_bias bias = {.token = 100000, .bias = 1};
  REFUSED(request.tokens = NULL, MARTLET_INVALID_ARGUMENT, "exactly one");
  REFUSED(request.text = "a", MARTLET_INVALID_ARGUMENT, "exactly one");
  REFUSED((request.tokens = NULL, request.text = "a", request.text_length = 1), MARTLET_UNSUPPORTED_MODEL, "vocabulary");
  REFUSED((request.tokens = NULL, request.messages = "[]"), MARTLET_UNSUPPORTED_MODEL, "vocabulary");
  REFUSED(request.token_count = 0, MARTLET_INVALID_REQUEST, "prompt");
  REFUSED(request.token_count = SIZE_MAX, MARTLET_INVALID_ARGUMENT, "request->tokens");
  REFUSED((request.tokens = wrong, request.token_count = 2), MARTLET_INVALID_REQUEST, "token id 300");
  REFUSED((request.tokens = far, request.token_count = 1), MARTLET_INVALID_REQUEST, "token id");
  REFUSED((request.tokens = many, request.token_count = 600), MARTLET_INVALID_REQUEST, "context");
  REFUSED(request.max_tokens = -1, MARTLET_INVALID_ARGUMENT, "max_tokens");
  REFUSED(request.temperature = -1, MARTLET_INVALID_REQUEST, "temperature");
  REFUSED(request.temperature = NAN, MARTLET_INVALID_REQUEST, "temperature");
  REFUSED(request.top_k = -1, MARTLET_INVALID_REQUEST, "top_k");
  REFUSED(request.top_p = 0, MARTLET_INVALID_REQUEST, "top_p");
  REFUSED(request.min_p = 2, MARTLET_INVALID_REQUEST, "min_p");
  REFUSED(request.repetition_penalty = 0, MARTLET_INVALID_REQUEST, "repetition_penalty");
  REFUSED(request.presence_penalty = 3, MARTLET_INVALID_REQUEST, "presence_penalty");
  REFUSED(request.frequency_penalty = -3, MARTLET_INVALID_REQUEST, "frequency_penalty");
  REFUSED(request.logprobs = 101, MARTLET_INVALID_REQUEST, "logprobs");
  REFUSED(request.logprobs = -2, MARTLET_INVALID_ARGUMENT, "logprobs");
  REFUSED((request.stop = stops, request.stop_count = 1), MARTLET_INVALID_REQUEST, "stop");
  REFUSED((request.stop = nothing, request.stop_count = 1), MARTLET_INVALID_ARGUMENT, "request->stop[0]");
  REFUSED(request.stop_count = 2, MARTLET_INVALID_ARGUMENT, "request->stop");
  REFUSED((request.logit_bias = &bias, request.logit_bias_count = 1), MARTLET_INVALID_REQUEST, "logit_bias");
  REFUSED(request.struct_size = 4000, MARTLET_INVALID_ARGUMENT, "struct_size");
  FAILS(martlet_generation_start(model, NULL, &generation), MARTLET_INVALID_ARGUMENT, "request");
  FAILS(martlet_generation_start(model, &good, NULL), MARTLET_INVALID_ARGUMENT, "generations");
  FAILS(martlet_generation_start_samples(model, &good, 0, &generation), MARTLET_INVALID_ARGUMENT, "count");
  FAILS(martlet_generation_start_samples(model, &good, SIZE_MAX, &generation), MARTLET_INVALID_ARGUMENT, "count");
  CHECK(generation == NULL);
  OK(martlet_generation_start(model, &good, &generation));
  FAILS(martlet_generation_next(generation, NULL), MARTLET_INVALID_ARGUMENT, "event");
  martlet_event event = {.struct_size = 1};
  FAILS(martlet_generation_next(generation, &event), MARTLET_INVALID_ARGUMENT, "struct_size");
  OK(martlet_generation_cancel(generation));
  event.struct_size = sizeof event;
  FAILS(martlet_generation_next(generation, &event), MARTLET_CANCELLED, "cancelled");
  OK(martlet_generation_cancel(generation));
  OK(martlet_generation_free(generation));
  FAILS(martlet_generation_cancel(generation), MARTLET_INVALID_HANDLE, "generation");
}

void test_generation(void) {
  martlet_model_t model = load();
  test_pull(model);
  test_logprobs(model);
  test_callback(model);
  test_sampling(model);
  test_refusals(model);
  // A generation keeps its model.
  martlet_request request = golden_request(0);
  martlet_generation_t generation;
  OK(martlet_generation_start(model, &request, &generation));
  OK(martlet_model_free(model));
  expect_golden(generation, 0);
  OK(martlet_generation_free(generation));
}
