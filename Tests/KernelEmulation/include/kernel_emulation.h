/// Kernels of GPUs on the processor, for tests without a GPU: the same source, compiled as C++, whose threads take turns.
#pragma once

#include "../../../Sources/CMartletKernels/include/martlet_gpu.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Runs `sample_f32` with `blocks` blocks of `threads` threads, which is a multiple of 32 and at most 1024.
///
/// `order` is the order in which threads take turns between two barriers: the result must not depend on it.
void emulate_sample(const martlet_gpu_sample *argument, int blocks, int threads, int order);

/// Runs `argmax_f32` in the same way.
void emulate_argmax(const martlet_gpu_argmax *argument, int blocks, int threads, int order);

#ifdef __cplusplus
}
#endif
