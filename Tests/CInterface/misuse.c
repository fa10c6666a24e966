// Handles that are none: every function that takes one answers, and no address is ever looked at.
#include "check.h"

/// Hands a wrong handle of every kind to every function.
static void expect_refusal(void *handle) {
  martlet_tensor_t tensor = handle, good = empty_of(MARTLET_DTYPE_F32, 2, (int64_t[]){2, 2}), made = NULL;
  martlet_model_t model = handle;
  martlet_generation_t generation = handle;
  martlet_tensor_info info = {.struct_size = sizeof info};
  martlet_model_info model_info = {.struct_size = sizeof model_info};
  martlet_event event = {.struct_size = sizeof event};
  int32_t *tokens = NULL, token = 0;
  char *text = NULL;
  size_t count = 0, shape[8];
  ptrdiff_t strides[8];
  float score = 0;
  martlet_perplexity_result result;
  martlet_request request = request_of((int32_t[]){1}, 1, 1);
#define INVALID(call) FAILS(call, MARTLET_INVALID_HANDLE, "handle")
  INVALID(martlet_tensor_free(tensor));
  INVALID(martlet_tensor_describe(tensor, &info));
  INVALID(martlet_tensor_view(tensor, (int64_t[]){4}, 1, &made));
  INVALID(martlet_tensor_permute(tensor, (size_t[]){1, 0}, 2, &made));
  INVALID(martlet_tensor_slice(tensor, 0, 0, 1, &made));
  INVALID(martlet_tensor_contiguous(tensor, &made));
  INVALID(martlet_tensor_copy(tensor, MARTLET_DEVICE_CPU, 0, &made));
  INVALID(martlet_tensor_load(tensor, &score, 4));
  INVALID(martlet_tensor_read(tensor, &score, 4));
  INVALID(martlet_add(good, good, tensor));
  INVALID(martlet_argmax(tensor, good, good));
  INVALID(martlet_embedding(good, tensor, good));
  INVALID(martlet_linear(good, good, tensor, NULL));
  INVALID(martlet_rearrange(good, tensor));
  INVALID(martlet_rms_norm(good, good, tensor, 1));
  INVALID(martlet_rope(good, tensor, good, 1));
  INVALID(martlet_self_attention(good, good, good, tensor, 1));
  INVALID(martlet_swiglu(tensor, good, good));
  INVALID(martlet_add_rms_norm(good, tensor, good, good, 1));
  INVALID(martlet_convert(good, tensor));
  INVALID(martlet_model_free(model));
  INVALID(martlet_model_describe(model, &model_info));
  INVALID(martlet_model_end_tokens(model, &tokens, &count));
  INVALID(martlet_tokenize(model, "a", 1, true, false, &tokens, &count));
  INVALID(martlet_detokenize(model, &token, 1, true, &text, &count));
  INVALID(martlet_token_text(model, 1, &text, &count));
  INVALID(martlet_token_id(model, "a", 1, &token));
  INVALID(martlet_render(model, "[]", NULL, true, &text, &count));
  INVALID(martlet_perplexity(model, &token, 1, 64, &result));
  INVALID(martlet_log_probabilities(model, &token, 1, &score));
  INVALID(martlet_generation_start(model, &request, &generation));
  INVALID(martlet_generation_start_samples(model, &request, 1, &generation));
  INVALID(martlet_generate(model, &request, (martlet_event_callback)1, NULL));
  generation = handle;
  INVALID(martlet_generation_next(generation, &event));
  INVALID(martlet_generation_cancel(generation));
  INVALID(martlet_generation_free(generation));
  CHECK(made == NULL && tokens == NULL && text == NULL);
  if (handle) {
    llaisysTensor_t old = handle;
    LEAVES(tensorDestroy(old), MARTLET_INVALID_HANDLE, "handle");
    LEAVES(tensorGetData(old), MARTLET_INVALID_HANDLE, "handle");
    LEAVES(tensorGetShape(old, shape), MARTLET_INVALID_HANDLE, "handle");
    LEAVES(tensorGetStrides(old, strides), MARTLET_INVALID_HANDLE, "handle");
    LEAVES(tensorView(old, shape, 0), MARTLET_INVALID_HANDLE, "handle");
    LEAVES(tensorPermute(old, shape), MARTLET_INVALID_HANDLE, "handle");
    LEAVES(tensorSlice(old, 0, 0, 1), MARTLET_INVALID_HANDLE, "handle");
    LEAVES(tensorLoad(old, &score), MARTLET_INVALID_HANDLE, "handle");
    LEAVES(tensorDebug(old), MARTLET_INVALID_HANDLE, "handle");
    LEAVES(llaisysQwen2ModelDestroy(handle), MARTLET_INVALID_HANDLE, "handle");
    LEAVES(llaisysQwen2ModelWeights(handle), MARTLET_INVALID_HANDLE, "handle");
    LEAVES(llaisysQwen2ModelInfer(handle, (int64_t[]){1}, 1), MARTLET_INVALID_HANDLE, "handle");
  }
  OK(martlet_tensor_free(good));
}

void test_misuse(void) {
  int on_stack = 0;
  void *on_heap = malloc(64);
  expect_refusal(NULL);
  expect_refusal(&on_stack);
  expect_refusal(on_heap);
  expect_refusal((void *)(intptr_t)1);
  expect_refusal((void *)(intptr_t)-1);
  free(on_heap);
  expect_refusal(on_heap);

  // A handle that was freed stays invalid when its place is taken again.
  martlet_tensor_t first = empty_of(MARTLET_DTYPE_F32, 0, NULL);
  OK(martlet_tensor_free(first));
  for (int i = 0; i < 10000; i++) {
    martlet_tensor_t next = empty_of(MARTLET_DTYPE_F32, 0, NULL);
    CHECK(next != first);
    OK(martlet_tensor_free(next));
  }
  expect_refusal(first);

  // A handle of another kind.
  martlet_model_t model = NULL;
  OK(martlet_model_load(checkpoint_path, NULL, &model));
  martlet_tensor_info info = {.struct_size = sizeof info};
  FAILS(martlet_tensor_describe((martlet_tensor_t)model, &info), MARTLET_INVALID_HANDLE, "that of a model");
  FAILS(martlet_generation_cancel((martlet_generation_t)model), MARTLET_INVALID_HANDLE, "that of a model");
  martlet_tensor_t tensor = empty_of(MARTLET_DTYPE_F32, 0, NULL);
  FAILS(martlet_model_free((martlet_model_t)tensor), MARTLET_INVALID_HANDLE, "that of a tensor");

  // Numbers near valid handles, and any others.
  uint64_t state = 99;
  for (int i = 0; i < 200000; i++) {
    noise(&state);
    uint64_t bits = (uint64_t)(uintptr_t)tensor;
    if (i % 4) {
      bits ^= 1ull << (state >> 58) % 64;
      if (i % 4 == 2) bits ^= 1ull << (state >> 50) % 64;
    } else {
      bits = state;
    }
    if (bits == (uint64_t)(uintptr_t)tensor || bits == (uint64_t)(uintptr_t)model) continue;
    martlet_tensor_t wrong = (martlet_tensor_t)(uintptr_t)bits;
    if (martlet_tensor_describe(wrong, &info) != MARTLET_INVALID_HANDLE) {
      CHECK(!"a random number is no handle");
      break;
    }
  }
  OK(martlet_tensor_free(tensor));
  OK(martlet_model_free(model));
}
