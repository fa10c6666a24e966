// A conversation with a model in C: what each turn takes is the whole conversation so far, as a JSON array.
//
//   make -C examples/c
//   examples/c/chat smollm2 "What is the capital of France?" "And of Italy?"
//
// Every call of the library returns a status, and martlet_last_error() says what was wrong.
#include <martlet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Ends the program with the library's words if a call has failed.
static void expect(martlet_status status) {
  if (status == MARTLET_OK) return;
  fprintf(stderr, "chat: %s\n", martlet_last_error());
  exit(1);
}

// A text that grows.
typedef struct {
  char *bytes;
  size_t length;
} text;

static void append(text *to, const char *bytes, size_t length) {
  to->bytes = realloc(to->bytes, to->length + length + 1);
  if (!to->bytes) abort();
  memcpy(to->bytes + to->length, bytes, length);
  to->length += length;
  to->bytes[to->length] = 0;
}

// Adds a turn to a JSON array that is still open. JSON wants quotes, backslashes and control characters escaped.
static void append_turn(text *messages, const char *role, const char *content) {
  char start[64];
  append(messages, start, (size_t)snprintf(start, sizeof start, "%s{\"role\":\"%s\",\"content\":\"",
                                           messages->length > 1 ? "," : "", role));
  for (const char *byte = content; *byte; byte++) {
    char escaped[8];
    if (*byte == '"' || *byte == '\\') {
      append(messages, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\%c", *byte));
    } else if ((unsigned char)*byte < 0x20) {
      append(messages, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", *byte));
    } else {
      append(messages, byte, 1);
    }
  }
  append(messages, "\"}", 2);
}

// Shows how far the weights are. Returning false would end the loading.
static bool show_progress(double share, void *user_data) {
  (void)user_data;
  fprintf(stderr, "\rloading %3.0f %%%s", share * 100, share == 1 ? "\n" : "");
  return true;
}

// Answers the conversation, prints the answer piece by piece as it comes, and returns it.
static text answer(martlet_model_t model, const text *messages) {
  martlet_request request;
  expect(martlet_request_init(&request, sizeof request));
  request.messages = messages->bytes;
  request.max_tokens = 100;

  // The generation runs by itself from here on; several of them would run together.
  martlet_generation_t generation;
  expect(martlet_generation_start(model, &request, &generation));
  text result = {0};
  append(&result, "", 0);
  martlet_event event = {.struct_size = sizeof event};
  do {
    expect(martlet_generation_next(generation, &event));
    fwrite(event.text, 1, event.text_length, stdout);
    fflush(stdout);
    append(&result, event.text, event.text_length);
  } while (event.kind != MARTLET_EVENT_FINISHED);
  putchar('\n');
  // What earlier turns have in common with this one came from the cache.
  fprintf(stderr, "(%lld tokens read, %lld of them from the cache; %lld written in %.2f s)\n",
          (long long)event.prompt_tokens, (long long)event.cached_tokens, (long long)event.generated_tokens,
          event.total_seconds);
  expect(martlet_generation_free(generation));
  return result;
}

int main(int count, char **arguments) {
  if (count < 3) {
    fprintf(stderr, "usage: %s MODEL QUESTION…\n", arguments[0]);
    return 64;
  }
  martlet_model_options options;
  expect(martlet_model_options_init(&options, sizeof options));
  options.progress = show_progress;
  martlet_model_t model;
  expect(martlet_model_load(arguments[1], &options, &model));

  text messages = {0};
  append(&messages, "[", 1);
  for (int turn = 2; turn < count; turn++) {
    append_turn(&messages, "user", arguments[turn]);
    // The array is closed for the request only: the next turn goes on behind the last one.
    size_t open = messages.length;
    append(&messages, "]", 1);
    text said = answer(model, &messages);
    messages.length = open;
    append_turn(&messages, "assistant", said.bytes);
    free(said.bytes);
  }
  free(messages.bytes);
  expect(martlet_model_free(model));
  return 0;
}
