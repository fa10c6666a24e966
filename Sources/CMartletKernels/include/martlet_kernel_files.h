/// The text of the kernels, embedded.
#pragma once

#pragma clang assume_nonnull begin

/// Text ended by a zero.
typedef struct __attribute__((swift_attr("@Sendable"))) {
  const char *name;
  const char *text;
} martlet_kernel_file;

/// The files with kernels.
enum martlet_kernel_id {
  MARTLET_KERNEL_ADD,
  MARTLET_KERNEL_ARGMAX,
  MARTLET_KERNEL_ATTENTION_HOPPER,
  MARTLET_KERNEL_ATTENTION_TILE,
  MARTLET_KERNEL_CACHE_APPEND,
  MARTLET_KERNEL_CONVERT,
  MARTLET_KERNEL_DECODE_ATTENTION,
  MARTLET_KERNEL_DECODE_ATTENTION_TILE,
  MARTLET_KERNEL_FUSED_LINEAR,
  MARTLET_KERNEL_FUSED_LINEAR_BLOCKS,
  MARTLET_KERNEL_IDENTIFY,
  MARTLET_KERNEL_LINEAR,
  MARTLET_KERNEL_LINEAR_BLOCKS,
  MARTLET_KERNEL_LINEAR_BLOCKS_TILE,
  MARTLET_KERNEL_LINEAR_TILE,
  MARTLET_KERNEL_PAGED_ATTENTION,
  MARTLET_KERNEL_PROBE,
  MARTLET_KERNEL_RMS_NORM,
  MARTLET_KERNEL_REARRANGE,
  MARTLET_KERNEL_ROPE,
  MARTLET_KERNEL_SAMPLE,
  MARTLET_KERNEL_SELF_ATTENTION,
  MARTLET_KERNEL_SURVEY,
  MARTLET_KERNEL_SWIGLU,
};

martlet_kernel_file martlet_kernel_file_of(enum martlet_kernel_id id);

/// What stands before every kernel, in order.
martlet_kernel_file martlet_kernel_prelude(int index);
int martlet_kernel_prelude_count(void);

#pragma clang assume_nonnull end
