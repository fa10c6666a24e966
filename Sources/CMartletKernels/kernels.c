#include "martlet_kernel_files.h"

// Compilers for devices get text, so it is embedded as text: what stands before every kernel, in this order, and then the
// kernels, which lie beside the operators that launch them.

#define BEGIN(NAME) static const char NAME[] = {
#define END , 0};

// clang-format off
BEGIN(arguments)
#embed "include/martlet_gpu.h"
END
BEGIN(device)
#embed "../MartletOperators/Support/Device.cuh"
END
BEGIN(blocks)
#embed "../MartletOperators/Support/Blocks.cuh"
END
BEGIN(cache)
#embed "../MartletOperators/Support/Cache.cuh"
END
BEGIN(attention)
#embed "../MartletOperators/Support/Attention.cuh"
END
BEGIN(matrix)
#embed "../MartletOperators/Support/Matrix.cuh"
END
BEGIN(query_tile)
#embed "../MartletOperators/Support/QueryTile.cuh"
END
BEGIN(pipeline)
#embed "../MartletOperators/Support/Pipeline.cuh"
END
BEGIN(fused_rows)
#embed "../MartletOperators/Support/FusedRows.cuh"
END
BEGIN(fused)
#embed "../MartletOperators/Support/Fused.cuh"
END
BEGIN(decode_part)
#embed "../MartletOperators/DecodeAttention/DecodePart.cuh"
END

BEGIN(add)
#embed "../MartletOperators/Add/Add.cu"
END
BEGIN(argmax)
#embed "../MartletOperators/Argmax/Argmax.cu"
END
BEGIN(attention_hopper)
#embed "../MartletOperators/Support/AttentionHopper.cu"
END
BEGIN(attention_tile)
#embed "../MartletOperators/Support/AttentionTile.cu"
END
BEGIN(cache_append)
#embed "../MartletOperators/CacheAppend/CacheAppend.cu"
END
BEGIN(convert)
#embed "../MartletOperators/Convert/Convert.cu"
END
BEGIN(decode_attention)
#embed "../MartletOperators/DecodeAttention/DecodeAttention.cu"
END
BEGIN(decode_attention_tile)
#embed "../MartletOperators/DecodeAttention/DecodeAttentionTile.cu"
END
BEGIN(fused_linear)
#embed "../MartletOperators/FusedLinear/FusedLinear.cu"
END
BEGIN(fused_linear_blocks)
#embed "../MartletOperators/FusedLinear/FusedLinearBlocks.cu"
END
BEGIN(identify)
#embed "../MartletRuntime/GPU/Identify.cu"
END
BEGIN(linear)
#embed "../MartletOperators/Linear/Linear.cu"
END
BEGIN(linear_blocks)
#embed "../MartletOperators/Linear/LinearBlocks.cu"
END
BEGIN(linear_blocks_tile)
#embed "../MartletOperators/Linear/LinearBlocksTile.cu"
END
BEGIN(linear_tile)
#embed "../MartletOperators/Linear/LinearTile.cu"
END
BEGIN(paged_attention)
#embed "../MartletOperators/PagedAttention/PagedAttention.cu"
END
BEGIN(probe)
#embed "../MartletRuntime/GPU/Probe.cu"
END
BEGIN(rms_norm)
#embed "../MartletOperators/RMSNorm/RMSNorm.cu"
END
BEGIN(rearrange)
#embed "../MartletOperators/Rearrange/Rearrange.cu"
END
BEGIN(rope)
#embed "../MartletOperators/RoPE/RoPE.cu"
END
BEGIN(sample)
#embed "../MartletOperators/Sample/Sample.cu"
END
BEGIN(self_attention)
#embed "../MartletOperators/SelfAttention/SelfAttention.cu"
END
BEGIN(survey)
#embed "../MartletRuntime/GPU/Survey.cu"
END
BEGIN(swiglu)
#embed "../MartletOperators/SwiGLU/SwiGLU.cu"
END
// clang-format on

static const martlet_kernel_file preludes[] = {
    {"martlet_gpu.h", arguments}, {"Device.cuh", device}, {"Blocks.cuh", blocks},
    {"Cache.cuh", cache},         {"Attention.cuh", attention}, {"Matrix.cuh", matrix},
    {"QueryTile.cuh", query_tile}, {"Pipeline.cuh", pipeline},  {"FusedRows.cuh", fused_rows},
    {"Fused.cuh", fused},         {"DecodePart.cuh", decode_part},
};

martlet_kernel_file martlet_kernel_prelude(int index) { return preludes[index]; }
int martlet_kernel_prelude_count(void) { return sizeof preludes / sizeof *preludes; }

martlet_kernel_file martlet_kernel_file_of(enum martlet_kernel_id id) {
  static const martlet_kernel_file files[] = {
      [MARTLET_KERNEL_ADD] = {"Add", add},
      [MARTLET_KERNEL_ARGMAX] = {"Argmax", argmax},
      [MARTLET_KERNEL_ATTENTION_HOPPER] = {"AttentionHopper", attention_hopper},
      [MARTLET_KERNEL_ATTENTION_TILE] = {"AttentionTile", attention_tile},
      [MARTLET_KERNEL_CACHE_APPEND] = {"CacheAppend", cache_append},
      [MARTLET_KERNEL_CONVERT] = {"Convert", convert},
      [MARTLET_KERNEL_DECODE_ATTENTION] = {"DecodeAttention", decode_attention},
      [MARTLET_KERNEL_DECODE_ATTENTION_TILE] = {"DecodeAttentionTile", decode_attention_tile},
      [MARTLET_KERNEL_FUSED_LINEAR] = {"FusedLinear", fused_linear},
      [MARTLET_KERNEL_FUSED_LINEAR_BLOCKS] = {"FusedLinearBlocks", fused_linear_blocks},
      [MARTLET_KERNEL_IDENTIFY] = {"Identify", identify},
      [MARTLET_KERNEL_LINEAR] = {"Linear", linear},
      [MARTLET_KERNEL_LINEAR_BLOCKS] = {"LinearBlocks", linear_blocks},
      [MARTLET_KERNEL_LINEAR_BLOCKS_TILE] = {"LinearBlocksTile", linear_blocks_tile},
      [MARTLET_KERNEL_LINEAR_TILE] = {"LinearTile", linear_tile},
      [MARTLET_KERNEL_PAGED_ATTENTION] = {"PagedAttention", paged_attention},
      [MARTLET_KERNEL_PROBE] = {"Probe", probe},
      [MARTLET_KERNEL_RMS_NORM] = {"RMSNorm", rms_norm},
      [MARTLET_KERNEL_REARRANGE] = {"Rearrange", rearrange},
      [MARTLET_KERNEL_ROPE] = {"RoPE", rope},
      [MARTLET_KERNEL_SAMPLE] = {"Sample", sample},
      [MARTLET_KERNEL_SELF_ATTENTION] = {"SelfAttention", self_attention},
      [MARTLET_KERNEL_SURVEY] = {"Survey", survey},
      [MARTLET_KERNEL_SWIGLU] = {"SwiGLU", swiglu},
  };
  return files[id];
}
