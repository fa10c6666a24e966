// LLAISYS's Qwen2 model against the tokens that transformers gives for a checkpoint of the goldens.
#include "check.h"
#include "golden.h"

enum { LAYERS = golden_layers, HIDDEN = golden_hidden, HEADS = 4, KEY_HEADS = 1, WIDE = golden_wide };

static const LlaisysQwen2Meta meta = {
    .dtype = LLAISYS_DTYPE_F32,
    .nlayer = LAYERS,
    .hs = HIDDEN,
    .nh = HEADS,
    .nkvh = KEY_HEADS,
    .dh = HIDDEN / HEADS,
    .di = WIDE,
    .maxseq = 4096,
    .voc = golden_vocabulary,
    .epsilon = 1e-6f,
    .theta = 10000,
    .end_token = 2,
};

static size_t elements(llaisysTensor_t tensor) {
  size_t shape[8], count = 1, dimensions = tensorGetNdim(tensor);
  tensorGetShape(tensor, shape);
  for (size_t i = 0; i < dimensions; i++) count *= shape[i];
  return count;
}

/// Reads a weight from the checkpoint, which holds f16, into a tensor of f32: half of them through `tensorLoad`, the others
/// through the tensor's address.
static void load(FILE *file, llaisysTensor_t tensor, const char *name) {
  for (size_t i = 0; i < sizeof golden_weights / sizeof *golden_weights; i++) {
    if (strcmp(golden_weights[i].name, name)) continue;
    size_t count = elements(tensor);
    CHECK(count * 2 == golden_weights[i].size);
    _Float16 *half = malloc(count * 2);
    float *single = malloc(count * 4);
    CHECK(fseek(file, (long)golden_weights[i].offset, SEEK_SET) == 0 && fread(half, 2, count, file) == count);
    for (size_t k = 0; k < count; k++) single[k] = (float)half[k];
    if (i % 2) {
      tensorLoad(tensor, single);
    } else {
      memcpy(tensorGetData(tensor), single, count * 4);
    }
    OK(martlet_last_status());
    free(half);
    free(single);
    return;
  }
  CHECK(!"the checkpoint has the weight");
}

static void fill(const LlaisysQwen2Weights *weights) {
  char path[1024];
  snprintf(path, sizeof path, "%s/model.safetensors", checkpoint_path);
  FILE *file = fopen(path, "rb");
  CHECK(file);
  if (!file) return;
  load(file, weights->in_embed, "model.embed_tokens.weight");
  load(file, weights->out_embed, "lm_head.weight");
  load(file, weights->out_norm_w, "model.norm.weight");
  const struct {
    llaisysTensor_t *tensors;
    const char *name;
  } lists[] = {
      {weights->attn_norm_w, "input_layernorm.weight"},  {weights->attn_q_w, "self_attn.q_proj.weight"},
      {weights->attn_q_b, "self_attn.q_proj.bias"},      {weights->attn_k_w, "self_attn.k_proj.weight"},
      {weights->attn_k_b, "self_attn.k_proj.bias"},      {weights->attn_v_w, "self_attn.v_proj.weight"},
      {weights->attn_v_b, "self_attn.v_proj.bias"},      {weights->attn_o_w, "self_attn.o_proj.weight"},
      {weights->mlp_norm_w, "post_attention_layernorm.weight"}, {weights->mlp_gate_w, "mlp.gate_proj.weight"},
      {weights->mlp_up_w, "mlp.up_proj.weight"},         {weights->mlp_down_w, "mlp.down_proj.weight"},
  };
  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    for (int layer = 0; layer < LAYERS; layer++) {
      char name[128];
      snprintf(name, sizeof name, "model.layers.%d.%s", layer, lists[i].name);
      load(file, lists[i].tensors[layer], name);
    }
  }
  fclose(file);
}

void test_qwen2(void) {
  struct LlaisysQwen2Model *model = llaisysQwen2ModelCreate(&meta, LLAISYS_DEVICE_CPU, (int[]){0}, 1);
  OK(martlet_last_status());
  LlaisysQwen2Weights *weights = llaisysQwen2ModelWeights(model);
  CHECK(weights && weights == llaisysQwen2ModelWeights(model));
  int64_t sequence[2048] = {1};
  LEAVES(llaisysQwen2ModelInfer(model, sequence, 1), MARTLET_INVALID_REQUEST, "in_embed");
  llaisysTensor_t embedding = weights->in_embed, gate = weights->mlp_gate_w[LAYERS - 1];
  fill(weights);

  for (size_t prompt = 0; prompt < golden_prompt_count; prompt++) {
    size_t count = golden_prompts[prompt].count;
    for (size_t i = 0; i < count; i++) sequence[i] = golden_prompts[prompt].tokens[i];
    for (size_t step = 0; step < golden_prompts[prompt].generated_count; step++) {
      int64_t token = llaisysQwen2ModelInfer(model, sequence, count);
      CHECK(token == golden_prompts[prompt].generated[step]);
      sequence[count++] = token;
    }
  }
  // The weights are packed now.
  CHECK(llaisysQwen2ModelWeights(model) == NULL);
  LEAVES(tensorGetData(gate), MARTLET_INVALID_HANDLE, "freed");
  CHECK(tensorGetData(embedding) == NULL);

  // What was asked before does not matter: longer than the first cache, a beginning of it, and again.
  for (size_t i = 0; i < 2048; i++) sequence[i] = (int64_t)(i * i % golden_vocabulary);
  int64_t longest = llaisysQwen2ModelInfer(model, sequence, 2048), shorter = llaisysQwen2ModelInfer(model, sequence, 1500);
  CHECK(longest >= 0 && shorter >= 0);
  CHECK(llaisysQwen2ModelInfer(model, sequence, 2048) == longest && llaisysQwen2ModelInfer(model, sequence, 2048) == longest);
  CHECK(llaisysQwen2ModelInfer(model, sequence, 1500) == shorter);

  sequence[1] = golden_vocabulary;
  LEAVES(llaisysQwen2ModelInfer(model, sequence, 2), MARTLET_INVALID_ARGUMENT, "token_ids[1]");
  sequence[1] = -1;
  LEAVES(llaisysQwen2ModelInfer(model, sequence, 2), MARTLET_INVALID_ARGUMENT, "token_ids[1]");
  CHECK(llaisysQwen2ModelInfer(model, sequence, 2) == -1);
  LEAVES(llaisysQwen2ModelInfer(model, sequence, 0), MARTLET_INVALID_ARGUMENT, "ntoken");
  LEAVES(llaisysQwen2ModelInfer(model, sequence, 4097), MARTLET_INVALID_ARGUMENT, "ntoken");
  LEAVES(llaisysQwen2ModelInfer(model, sequence, SIZE_MAX), MARTLET_INVALID_ARGUMENT, "token_ids");
  LEAVES(llaisysQwen2ModelInfer(model, NULL, 3), MARTLET_INVALID_ARGUMENT, "token_ids");
  llaisysQwen2ModelDestroy(model);
  llaisysQwen2ModelDestroy(NULL);
  OK(martlet_last_status());
  LEAVES(llaisysQwen2ModelInfer(model, sequence, 1), MARTLET_INVALID_HANDLE, "model");
  LEAVES(llaisysQwen2ModelDestroy(model), MARTLET_INVALID_HANDLE, "model");
  LEAVES(llaisysQwen2ModelWeights(model), MARTLET_INVALID_HANDLE, "model");

  LlaisysQwen2Meta wrong = meta;
  wrong.dtype = LLAISYS_DTYPE_I64;
  CHECK(llaisysQwen2ModelCreate(&wrong, LLAISYS_DEVICE_CPU, NULL, 0) == NULL);
  wrong = meta;
  wrong.nlayer = SIZE_MAX;
  LEAVES(llaisysQwen2ModelCreate(&wrong, LLAISYS_DEVICE_CPU, NULL, 0), MARTLET_INVALID_ARGUMENT, "nlayer");
  wrong = meta;
  wrong.nkvh = 3;
  LEAVES(llaisysQwen2ModelCreate(&wrong, LLAISYS_DEVICE_CPU, NULL, 0), MARTLET_INVALID_ARGUMENT, "nkvh");
  LEAVES(llaisysQwen2ModelCreate(NULL, LLAISYS_DEVICE_CPU, NULL, 0), MARTLET_INVALID_ARGUMENT, "meta");
  LEAVES(llaisysQwen2ModelCreate(&meta, LLAISYS_DEVICE_CPU, (int[]){0, 1}, 2), MARTLET_INVALID_ARGUMENT, "ndevice");
  LEAVES(llaisysQwen2ModelCreate(&meta, LLAISYS_DEVICE_METAX, NULL, 0), MARTLET_DEVICE_UNAVAILABLE, "metax");
  // A model that is given back before its weights are packed takes them with it.
  model = llaisysQwen2ModelCreate(&meta, LLAISYS_DEVICE_CPU, NULL, 0);
  embedding = llaisysQwen2ModelWeights(model)->in_embed;
  llaisysQwen2ModelDestroy(model);
  CHECK(tensorGetData(embedding) == NULL);
}
