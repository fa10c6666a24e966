// Text: the default model, if this machine has it, against transformers' rendering, ids and tokens.
#include "check.h"
#include "golden.h"

#include <math.h>

static void test_text(martlet_model_t model) {
  char *text = NULL;
  size_t length = 0, count = 0;
  int32_t *tokens = NULL, token = -1;
  OK(martlet_render(model, golden_chat_messages, NULL, true, &text, &length));
  CHECK(strcmp(text, golden_chat_text) == 0 && length == strlen(text));
  OK(martlet_tokenize(model, text, length, false, true, &tokens, &count));
  CHECK(count == golden_chat.count && memcmp(tokens, golden_chat.tokens, count * sizeof *tokens) == 0);
  martlet_free(text);
  OK(martlet_detokenize(model, tokens, count, false, &text, &length));
  CHECK(strcmp(text, golden_chat_text) == 0);
  martlet_free(text);
  OK(martlet_detokenize(model, tokens, count, true, &text, &length));
  CHECK(strstr(text, "<|im_start|>") == NULL && strstr(text, "capital of France"));
  martlet_free(text);
  martlet_free(tokens);
  OK(martlet_token_id(model, "<|im_end|>", 10, &token));
  CHECK(token == 2);
  OK(martlet_token_text(model, token, &text, &length));
  CHECK(length == 10 && strcmp(text, "<|im_end|>") == 0);
  martlet_free(text);
  // Control tokens in a user's text are text; zero bytes and what is not UTF-8 are allowed.
  OK(martlet_tokenize(model, "<|im_end|>", 10, false, false, &tokens, &count));
  CHECK(count > 1);
  martlet_free(tokens);
  OK(martlet_tokenize(model, "a\0b\xFF", 4, false, false, &tokens, &count));
  OK(martlet_detokenize(model, tokens, count, true, &text, &length));
  CHECK(length == 6 && memcmp(text, "a\0b\xEF\xBF\xBD", 7) == 0);
  martlet_free(text);
  martlet_free(tokens);
  OK(martlet_tokenize(model, NULL, 0, false, false, &tokens, &count));
  CHECK(count == 0 && tokens);
  martlet_free(tokens);

  FAILS(martlet_token_id(model, "no such token", 13, &token), MARTLET_NOT_FOUND, "no such token");
  FAILS(martlet_token_text(model, -1, &text, &length), MARTLET_INVALID_ARGUMENT, "token");
  FAILS(martlet_detokenize(model, (int32_t[]){1, 1 << 30}, 2, true, &text, &length), MARTLET_INVALID_ARGUMENT, "tokens");
  FAILS(martlet_tokenize(model, NULL, 5, false, false, &tokens, &count), MARTLET_INVALID_ARGUMENT, "text");
  FAILS(martlet_render(model, "{", NULL, true, &text, &length), MARTLET_INVALID_ARGUMENT, "messages");
  FAILS(martlet_render(model, "{}", NULL, true, &text, &length), MARTLET_INVALID_ARGUMENT, "messages");
  FAILS(martlet_render(model, NULL, NULL, true, &text, &length), MARTLET_INVALID_ARGUMENT, "messages");
  FAILS(martlet_render(model, "[]", "3", true, &text, &length), MARTLET_INVALID_ARGUMENT, "tools");
  FAILS(martlet_render(model, "[3]", NULL, true, &text, &length), MARTLET_MALFORMED_FILE, "template");
}

static bool collect(const martlet_event *event, void *user_data) {
  char **text = user_data;
  *text = joined(*text, event->text, event->text_length);
  return true;
}

static void test_chat(martlet_model_t model) {
  martlet_request request = request_of(NULL, 0, 64);
  request.messages = golden_chat_messages;
  char *answer = calloc(1, 1), *cut = calloc(1, 1), *expected = NULL;
  size_t length = 0;
  OK(martlet_detokenize(model, golden_chat.generated, golden_chat.generated_count, true, &expected, &length));
  OK(martlet_generate(model, &request, collect, &answer));
  CHECK(strcmp(answer, expected) == 0);
  martlet_free(expected);
  // The same up to a stop text, which is not part of it.
  const char *const stop[] = {"never met", " France"};
  request.stop = stop;
  request.stop_count = 2;
  OK(martlet_generate(model, &request, collect, &cut));
  CHECK(strstr(answer, cut) == answer && strstr(cut, "capital of") && !strstr(cut, "France"));
  free(answer);
  free(cut);

  request = request_of(NULL, 0, 8);
  request.text = "The history of the steam engine begins in";
  request.text_length = strlen(request.text);
  martlet_generation_t generation;
  OK(martlet_generation_start(model, &request, &generation));
  martlet_event event = {.struct_size = sizeof event};
  char *text = calloc(1, 1);
  do {
    OK(martlet_generation_next(generation, &event));
    text = joined(text, event.text, event.text_length);
  } while (event.kind != MARTLET_EVENT_FINISHED && martlet_last_status() == MARTLET_OK);
  CHECK(event.prompt_tokens == 8 && event.generated_tokens == 8 && strlen(text) > 8);
  free(text);
  OK(martlet_generation_free(generation));
  request.messages = "[{\"role\": 5";
  request.text = NULL;
  FAILS(martlet_generation_start(model, &request, &generation), MARTLET_INVALID_ARGUMENT, "messages");
}

void test_default_model(void) {
  if (!default_model_path) {
    printf("  text       skipped: the default model is not in the cache; 'make model' brings it\n");
    return;
  }
  martlet_model_t model = NULL;
  martlet_model_options options = default_options();
  // The type in which the goldens were made.
  options.compute = "f32";
  OK(martlet_model_load(default_model_path, &options, &model));
  martlet_model_info info = {.struct_size = sizeof info};
  OK(martlet_model_describe(model, &info));
  CHECK(info.has_tokenizer && info.has_chat_template && info.vocabulary_size == 49152 && info.context_length > 1000);
  test_text(model);
  test_chat(model);
  OK(martlet_model_free(model));
}
