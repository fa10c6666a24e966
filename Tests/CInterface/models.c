// Loading and describing models; what a model without a vocabulary refuses.
#include "check.h"
#include "golden.h"

static bool count_progress(double share, void *user_data) {
  int *calls = user_data;
  CHECK(share >= 0 && share <= 1);
  return ++*calls >= 0;
}

static bool refuse(double share, void *user_data) {
  (void)share;
  ++*(int *)user_data;
  return false;
}

static void test_options(void) {
  martlet_model_t model = NULL;
  martlet_model_options options = default_options();
  FAILS(martlet_model_load("no/such-model", NULL, &model), MARTLET_NOT_FOUND, "no/such-model");
  FAILS(martlet_model_load(NULL, NULL, &model), MARTLET_INVALID_ARGUMENT, "name");
  FAILS(martlet_model_load(checkpoint_path, NULL, NULL), MARTLET_INVALID_ARGUMENT, "model");
  options.device = "metax:3";
  FAILS(martlet_model_load(checkpoint_path, &options, &model), MARTLET_DEVICE_UNAVAILABLE, "metax");
  options = default_options();
  options.compute = "f12";
  FAILS(martlet_model_load(checkpoint_path, &options, &model), MARTLET_INVALID_ARGUMENT, "auto, f32, f16, bf16, not 'f12'");
  options = default_options();
  options.cache = "";
  FAILS(martlet_model_load(checkpoint_path, &options, &model), MARTLET_INVALID_ARGUMENT, "options->cache");
  options = default_options();
  options.threads = -2;
  FAILS(martlet_model_load(checkpoint_path, &options, &model), MARTLET_INVALID_ARGUMENT, "options->threads");
  options = default_options();
  options.context_length = 1 << 30;
  FAILS(martlet_model_load(checkpoint_path, &options, &model), MARTLET_INVALID_REQUEST, "context");
  options.context_length = -5;
  FAILS(martlet_model_load(checkpoint_path, &options, &model), MARTLET_INVALID_REQUEST, "context");
  options = default_options();
  const size_t sizes[] = {offsetof(martlet_model_options, deterministic) + 1, sizeof options - 1, 1000};
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    options.struct_size = sizes[i];
    FAILS(martlet_model_load(checkpoint_path, &options, &model), MARTLET_INVALID_ARGUMENT, "struct_size");
  }
  options = default_options();
  int calls = 0;
  options.progress = refuse;
  options.progress_data = &calls;
  FAILS(martlet_model_load(checkpoint_path, &options, &model), MARTLET_CANCELLED, "cancelled");
  CHECK(calls == 1 && model == NULL);
}

void test_models(void) {
  test_options();
  martlet_model_t model = NULL;
  martlet_model_options options = default_options();
  int calls = 0;
  options.compute = "f32";
  options.threads = 2;
  options.device = "cpu";
  options.cache = "f32";
  options.context_length = 400;
  options.progress = count_progress;
  options.progress_data = &calls;
  options.deterministic = true;
  OK(martlet_model_load(checkpoint_path, &options, &model));
  CHECK(calls >= 2);
  OK(martlet_model_free(model));
  // The structure of the first version, which ends before the last field.
  options.struct_size = offsetof(martlet_model_options, deterministic);
  OK(martlet_model_load(checkpoint_path, &options, &model));
  martlet_model_info info = {.struct_size = sizeof info};
  OK(martlet_model_describe(model, &info));
  CHECK(info.context_length == 400 && info.vocabulary_size == golden_vocabulary && !info.has_tokenizer);
  CHECK(!info.has_chat_template && info.end_token == 2 && info.begin_token == -1);
  CHECK(info.device_type == MARTLET_DEVICE_CPU && info.device_index == 0);
  // A newer caller's structure ends later: what this library does not know stays as it is.
  struct {
    martlet_model_info info;
    uint8_t behind;
  } newer = {.info.struct_size = sizeof newer, .behind = 0xAB};
  OK(martlet_model_describe(model, &newer.info));
  CHECK(newer.info.context_length == 400 && newer.info.struct_size == sizeof newer && newer.behind == 0xAB);
  // No version ends within a field, or between these two.
  info.struct_size = 12;
  FAILS(martlet_model_describe(model, &info), MARTLET_INVALID_ARGUMENT, "info->struct_size");
  info.struct_size = offsetof(martlet_model_info, vocabulary_size);
  FAILS(martlet_model_describe(model, &info), MARTLET_INVALID_ARGUMENT, "info->struct_size");
  info.struct_size = 0;
  FAILS(martlet_model_describe(model, &info), MARTLET_INVALID_ARGUMENT, "struct_size");
  FAILS(martlet_model_describe(model, NULL), MARTLET_INVALID_ARGUMENT, "info");

  int32_t *tokens = NULL, token = 0;
  size_t count = 0, length = 0;
  char *text = NULL;
  OK(martlet_model_end_tokens(model, &tokens, &count));
  CHECK(count == 1 && tokens[0] == 2);
  martlet_free(tokens);
  tokens = NULL;
  FAILS(martlet_tokenize(model, "a", 1, true, false, &tokens, &count), MARTLET_UNSUPPORTED_MODEL, "no vocabulary");
  FAILS(martlet_detokenize(model, &token, 1, true, &text, &length), MARTLET_UNSUPPORTED_MODEL, "no vocabulary");
  FAILS(martlet_token_text(model, 1, &text, &length), MARTLET_UNSUPPORTED_MODEL, "no vocabulary");
  FAILS(martlet_token_id(model, "a", 1, &token), MARTLET_UNSUPPORTED_MODEL, "no vocabulary");
  FAILS(martlet_render(model, "[]", NULL, true, &text, &length), MARTLET_UNSUPPORTED_MODEL, "no vocabulary");
  CHECK(tokens == NULL && text == NULL);
  OK(martlet_model_free(model));
  FAILS(martlet_model_free(model), MARTLET_INVALID_HANDLE, "freed");
  FAILS(martlet_model_describe(model, &info), MARTLET_INVALID_HANDLE, "model");
}
