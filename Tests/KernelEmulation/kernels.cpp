#include "kernel_emulation.h"

#include "emulation.hpp"

// What stands before every kernel, and the kernels.
#include "../../Sources/MartletOperators/Support/Device.cuh"
#include "../../Sources/MartletOperators/Argmax/Argmax.cu"
#include "../../Sources/MartletOperators/Sample/Sample.cu"

void emulate_sample(const martlet_gpu_sample *argument, int blocks, int threads, int order) {
  emulation::run(blocks, threads, order, [=] { sample_f32(*argument); });
}

void emulate_argmax(const martlet_gpu_argmax *argument, int blocks, int threads, int order) {
  emulation::run(blocks, threads, order, [=] { argmax_f32(*argument); });
}
