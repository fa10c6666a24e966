/// The C interface of Martlet, an engine for large language models: the library is `libmartlet.so`.
///
/// **Status.** Every function that can fail returns a `martlet_status`; results come through pointers, which are left
/// alone on failure. `martlet_last_error` has the words. No function ever ends the process on account of its arguments'
/// values, the addresses of memory and the lengths of what lies there excepted, which it cannot check.
///
/// **Handles.** Models, generations and tensors are handles, not addresses: a null, freed or foreign one, one of
/// another kind and any pointer that never was one are answered with `MARTLET_INVALID_HANDLE`. Freeing a handle that others
/// still depend on is allowed, in any order: a generation keeps its model, a view its memory.
///
/// **Memory.** Texts and lists that a function makes belong to the caller, who gives them back with `martlet_free`. What a
/// caller passes in is read before the function returns and never kept, except memory lent with `martlet_tensor_borrow`.
///
/// **Threads.** Every function may be called from any thread at any time, also with the same handles. Only one thread at
/// a time may take events of one generation, and whoever writes a tensor must not let others read or write it meanwhile.
///
/// **Structures** that may grow begin with `struct_size`, their `sizeof`. The functions named `…_init` set it and the
/// defaults. A size that no version of the structure has is refused.
///
/// **Texts** are UTF-8. Where a text comes with a length, it may hold zero bytes; else it ends with one.
#ifndef MARTLET_H
#define MARTLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// MARK: Status

/// What became of a call. The values are stable.
typedef enum martlet_status {
  /// The call did what it says.
  MARTLET_OK = 0,
  /// A name, option, shape, type or value that makes no sense.
  MARTLET_INVALID_ARGUMENT = 1,
  /// A file that breaks its format's rules.
  MARTLET_MALFORMED_FILE = 2,
  /// A model that needs what Martlet does not do.
  MARTLET_UNSUPPORTED_MODEL = 3,
  /// A file or model that is not there.
  MARTLET_NOT_FOUND = 4,
  /// A device that is not there or has no room.
  MARTLET_DEVICE_UNAVAILABLE = 5,
  /// A prompt that does not fit, or another request that this model cannot honour.
  MARTLET_INVALID_REQUEST = 6,
  /// A file that cannot be written.
  MARTLET_OUTPUT_FAILED = 7,
  /// A mistake of Martlet's own.
  MARTLET_INTERNAL_ERROR = 8,
  /// A handle that is null, was freed, is of another kind or never was one.
  MARTLET_INVALID_HANDLE = 9,
  /// The generation was cancelled, or a callback ended the work.
  MARTLET_CANCELLED = 10,
  /// The generation has delivered its last event.
  MARTLET_END = 11,
} martlet_status;

/// What the last call on this thread returned. `martlet_last_status`, `martlet_last_error`, `martlet_version` and
/// `martlet_free` do not count as calls; the functions of `llaisys.h`, which return no status, do.
martlet_status martlet_last_status(void);

/// One sentence on why the last call on this thread failed: what, where, found, expected, and what to do. Empty after
/// success. The text is valid until the next call on this thread.
const char *martlet_last_error(void);

/// The version of the library: `0.1.0`.
const char *martlet_version(void);

/// Gives back a text or list that a function of this library made. Null does nothing.
void martlet_free(void *memory);

// MARK: Devices

/// The families of devices; the numbers are those of `llaisysDeviceType_t`.
typedef enum martlet_device_type {
  /// The processor; it counts as one device.
  MARTLET_DEVICE_CPU = 0,
  /// NVIDIA's GPUs.
  MARTLET_DEVICE_NVIDIA = 1,
  /// MetaX's GPUs.
  MARTLET_DEVICE_METAX = 2,
} martlet_device_type;

/// The devices of this machine, and why others are not available, as the JSON array that `martlet devices --json` prints:
/// each has `device` and `available`, one that is not available has a `reason`.
martlet_status martlet_devices(char **json, size_t *length);

/// How many devices of a family can be used; 0, and success, for a family that this build or machine does not have.
martlet_status martlet_device_count(martlet_device_type type, int32_t *count);

/// How many threads share the work of the operators below on the processor, and of those of LLAISYS's models that are made
/// from then on; 0 is every core that the process may run on, as in the beginning. Other models have threads of their own:
/// see `martlet_model_options`.
martlet_status martlet_set_operator_threads(int32_t threads);

// MARK: Models

/// A loaded model.
typedef struct martlet_model *martlet_model_t;

/// Is told the share done, 0 to 1, on the thread that loads; returning false ends the loading.
typedef bool (*martlet_progress)(double share, void *user_data);

/// How a model is brought to a device.
typedef struct martlet_model_options {
  /// The size of the structure that the caller knows.
  size_t struct_size;
  /// `cpu`, `cuda`, `cuda:1`, `metax:0`; a named device is a demand. Null takes the first GPU that works, else the processor.
  const char *device;
  /// The types to calculate in: `auto` (the weights' own), `f32`, `f16`, `bf16`. Null is `auto`.
  const char *compute;
  /// The type of keys and values in the cache: `auto`, `f32`, `f16`, `bf16`, `q8_0`. Null is `auto`.
  const char *cache;
  /// Threads of the processor; 0 is every core that the process may run on.
  int32_t threads;
  /// The most tokens of one sequence, prompt and output together; 0 takes what the model was trained for, at most 8192.
  int64_t context_length;
  /// Called as weights are loaded; null for nobody.
  martlet_progress progress;
  /// Handed to `progress`.
  void *progress_data;
  /// Whether a GPU too gives a generation the same bits whatever else it computes at the time, which makes many generations
  /// together slower; a processor always does.
  bool deterministic;
} martlet_model_options;

/// Sets the defaults.
/// @param struct_size `sizeof(martlet_model_options)`.
martlet_status martlet_model_options_init(martlet_model_options *options, size_t struct_size);

/// Loads a model.
/// @param name A `.gguf` file, a folder with `config.json` and safetensors, a name in the local Hugging Face cache
///   (`owner/name`), or a short name (`smollm2`).
/// @param options Null for the defaults.
martlet_status martlet_model_load(const char *name, const martlet_model_options *options, martlet_model_t *model);

/// Gives a model back. Its memory goes when its generations have gone too.
martlet_status martlet_model_free(martlet_model_t model);

/// What can be said of a loaded model.
typedef struct martlet_model_info {
  /// Set by the caller to the size of the structure that it knows; the function fills as much.
  size_t struct_size;
  /// The most tokens of one sequence, prompt and output together.
  int64_t context_length;
  /// Token ids are below this; it is the width of the logits.
  int64_t vocabulary_size;
  /// Whether there is a vocabulary of texts; without one the model takes and gives token ids only.
  bool has_tokenizer;
  /// Whether conversations can be rendered.
  bool has_chat_template;
  /// The token that begins a text, or -1.
  int32_t begin_token;
  /// The token that ends a text, or -1.
  int32_t end_token;
  /// The token that fills up, or -1.
  int32_t padding_token;
  /// The token for what the vocabulary cannot spell, or -1.
  int32_t unknown_token;
  /// Where the model runs.
  martlet_device_type device_type;
  /// Which device of the family.
  int32_t device_index;
} martlet_model_info;

/// Describes a model; `info->struct_size` must be set.
martlet_status martlet_model_describe(martlet_model_t model, martlet_model_info *info);

/// The tokens with which the model ends a text: a list for `martlet_free`.
martlet_status martlet_model_end_tokens(martlet_model_t model, int32_t **tokens, size_t *count);

// MARK: Text

/// The tokens of a text: a list for `martlet_free`. What is not UTF-8 counts as U+FFFD.
/// @param add_special Puts the begin-of-text and end-of-text tokens where the model wants them.
/// @param parse_special Reads control tokens such as `<|im_start|>` where their text stands: on for what
///   `martlet_render` made, off for what a user wrote.
martlet_status martlet_tokenize(martlet_model_t model, const char *text, size_t length, bool add_special,
                                bool parse_special, int32_t **tokens, size_t *count);

/// The text of tokens, for `martlet_free`; a zero byte follows it. What is not UTF-8 becomes U+FFFD.
/// @param skip_special Leaves control and unknown tokens out.
martlet_status martlet_detokenize(martlet_model_t model, const int32_t *tokens, size_t count, bool skip_special,
                                  char **text, size_t *length);

/// The bytes of one token, for `martlet_free`; a zero byte follows them. They need not be whole characters. A control
/// token stands for its name.
martlet_status martlet_token_text(martlet_model_t model, int32_t token, char **bytes, size_t *length);

/// The token that is spelled so: a control token by its name, another by its text.
/// @returns `MARTLET_NOT_FOUND` if no single token is.
martlet_status martlet_token_id(martlet_model_t model, const char *text, size_t length, int32_t *token);

/// The text that the model continues for a conversation, written by its chat template, for `martlet_free`.
/// @param messages A JSON array of objects with `role`, `content` and whatever else the template knows.
/// @param tools A JSON array of functions' schemas, or null.
/// @param add_generation_prompt Whether to end with the words that begin an answer.
martlet_status martlet_render(martlet_model_t model, const char *messages, const char *tools, bool add_generation_prompt,
                              char **text, size_t *length);

// MARK: Generation

/// A running generation.
typedef struct martlet_generation *martlet_generation_t;

/// What is added to the logit of one token; `-INFINITY` forbids it.
typedef struct martlet_logit_bias {
  /// The token's id.
  int32_t token;
  /// The number added.
  float bias;
} martlet_logit_bias;

/// What to generate and how. Exactly one of `tokens`, `text` and `messages` is set.
typedef struct martlet_request {
  /// The size of the structure that the caller knows.
  size_t struct_size;
  /// Token ids to continue.
  const int32_t *tokens;
  /// How many.
  size_t token_count;
  /// Plain text to continue; the begin-of-text token is added where the model wants it.
  const char *text;
  /// Bytes of `text`.
  size_t text_length;
  /// A conversation to answer: a JSON array, as for `martlet_render`.
  const char *messages;
  /// A JSON array of functions' schemas for `messages`, or null.
  const char *tools;
  /// The most tokens to generate; 0 goes on until the model ends or the context is full.
  int64_t max_tokens;
  /// Divides the logits; 0, the default, takes the most probable token.
  float temperature;
  /// Keeps the highest logits only; 0 keeps all.
  int32_t top_k;
  /// Keeps the most probable tokens up to this sum of probabilities; 1 keeps all.
  float top_p;
  /// Keeps tokens at least this many times as probable as the best one; 0 keeps all.
  float min_p;
  /// Divides positive and multiplies negative logits of tokens seen before; 1 is off.
  float repetition_penalty;
  /// Is subtracted once from the logit of each token that was generated before.
  float presence_penalty;
  /// Is subtracted for each time that a token was generated before.
  float frequency_penalty;
  /// Whether `seed` counts; else each generation draws one.
  bool has_seed;
  /// The seed of the random choices: the same one gives the same text whatever else is computed at the time.
  uint64_t seed;
  /// How many of the most probable tokens to report beside the chosen one, up to 100; -1, the default, for no
  /// log-probabilities at all.
  int32_t logprobs;
  /// Whether to go on past the tokens with which the model ends a text.
  bool ignore_end;
  /// Texts that end the generation and are not part of it.
  const char *const *stop;
  /// How many.
  size_t stop_count;
  /// Numbers added to single logits.
  const martlet_logit_bias *logit_bias;
  /// How many.
  size_t logit_bias_count;
} martlet_request;

/// Sets the defaults: no prompt, greedy, until the model ends.
/// @param struct_size `sizeof(martlet_request)`.
martlet_status martlet_request_init(martlet_request *request, size_t struct_size);

/// A token and the natural logarithm of its probability under the model's own distribution, before penalties, bias and
/// temperature.
typedef struct martlet_token_logprob {
  /// The token's id.
  int32_t token;
  /// Its log-probability.
  float logprob;
} martlet_token_logprob;

/// What an event tells.
typedef enum martlet_event_kind {
  /// A token, and the text that can be shown since the last event.
  MARTLET_EVENT_TOKEN = 0,
  /// Text that was held back until the end.
  MARTLET_EVENT_TEXT = 1,
  /// The last event: the reason, counts and times.
  MARTLET_EVENT_FINISHED = 2,
} martlet_event_kind;

/// Why a generation ended by itself.
typedef enum martlet_finish_reason {
  /// The model ended the text, or a stop text was met.
  MARTLET_FINISH_STOP = 0,
  /// `max_tokens` or the context was exhausted.
  MARTLET_FINISH_LENGTH = 1,
} martlet_finish_reason;

/// One event of a generation. Pointers are valid until the next event of the generation is taken or it is freed.
typedef struct martlet_event {
  /// Set by the caller to the size of the structure that it knows; the function fills as much.
  size_t struct_size;
  /// What it tells.
  martlet_event_kind kind;
  /// The token, of `MARTLET_EVENT_TOKEN`; else -1.
  int32_t token;
  /// Text of whole characters, often empty, never null; a zero byte follows it.
  const char *text;
  /// Bytes of `text`.
  size_t text_length;
  /// Whether `logprob` is there.
  bool has_logprob;
  /// The token's log-probability.
  float logprob;
  /// The most probable tokens, best first.
  const martlet_token_logprob *top;
  /// How many.
  size_t top_count;
  /// Why it ended, of `MARTLET_EVENT_FINISHED`.
  martlet_finish_reason finish_reason;
  /// Tokens of the prompt, those that the cache had included.
  int64_t prompt_tokens;
  /// Tokens of the prompt that were not computed because the cache had them.
  int64_t cached_tokens;
  /// Tokens delivered.
  int64_t generated_tokens;
  /// Seconds from the start until something of the request was computed.
  double queue_seconds;
  /// Seconds from the start until the first token was there.
  double first_token_seconds;
  /// Seconds from the start to the end.
  double total_seconds;
} martlet_event;

/// Starts a generation. All generations of a model that run at a time are computed together, and each gets the same
/// tokens as alone. It runs whether or not its events are taken.
martlet_status martlet_generation_start(martlet_model_t model, const martlet_request *request,
                                        martlet_generation_t *generation);

/// Starts several generations of one prompt, which is computed once. Where the request has a seed, number `n` (from 0)
/// has `seed + n`.
/// @param generations Room for `count` handles; on failure none is set and nothing runs.
martlet_status martlet_generation_start_samples(martlet_model_t model, const martlet_request *request, size_t count,
                                                martlet_generation_t *generations);

/// Waits for the next event; `event->struct_size` must be set.
/// @returns `MARTLET_END` after the last event; `MARTLET_CANCELLED` once cancelled or freed; what went wrong otherwise, such
///   as `MARTLET_INVALID_REQUEST` for a request that the model cannot honour.
martlet_status martlet_generation_next(martlet_generation_t generation, martlet_event *event);

/// Ends a generation before its time, from any thread; a thread that waits for its next event wakes up.
martlet_status martlet_generation_cancel(martlet_generation_t generation);

/// Gives a generation back; one that runs is cancelled.
martlet_status martlet_generation_free(martlet_generation_t generation);

/// Is given each event on the thread that called `martlet_generate`; returning false ends the generation.
typedef bool (*martlet_event_callback)(const martlet_event *event, void *user_data);

/// Generates on this thread and calls back with each event, the finishing one included.
/// @returns `MARTLET_CANCELLED` if the callback ended it.
martlet_status martlet_generate(martlet_model_t model, const martlet_request *request, martlet_event_callback callback,
                                void *user_data);

// MARK: Scores

/// How well a model predicts a text.
typedef struct martlet_perplexity_result {
  /// exp of the mean negative log-likelihood.
  double perplexity;
  /// Tokens that were scored.
  int64_t tokens;
  /// Chunks that were read.
  int64_t chunks;
} martlet_perplexity_result;

/// The perplexity of token ids by `llama-perplexity`'s protocol: chunks of `context` tokens (512 is usual), each scored on
/// its second half.
martlet_status martlet_perplexity(martlet_model_t model, const int32_t *tokens, size_t count, int64_t context,
                                  martlet_perplexity_result *result);

/// The log-probability of each token after the ones before it.
/// @param logprobs Room for `count` numbers; the first, which nothing comes before, is NaN.
martlet_status martlet_log_probabilities(martlet_model_t model, const int32_t *tokens, size_t count, float *logprobs);

#include "martlet_tensor.h"

#ifdef __cplusplus
}
#endif

#endif
