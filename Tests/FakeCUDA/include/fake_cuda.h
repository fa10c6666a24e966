/// A driver and a compiler without a GPU: memory is the host's, streams run at once, kernels only leave word. Stricter than
/// the real ones: it refuses what they let pass on some machines and not on others.
#pragma once

#include "martlet_cuda.h"
#include "martlet_nvrtc.h"

#pragma clang assume_nonnull begin

/// What happened so far, and what shall go wrong.
typedef struct {
  int devices;            ///< how many there are
  int initialize_result;  ///< what `cuInit` answers
  size_t capacity;        ///< bytes of device memory
  int failing_launch;     ///< the launch, counted from 1, after which everything fails; 0 for none

  size_t live_bytes, pinned_bytes;
  int live_streams, live_events, live_modules, live_graphs, contexts;
  int launches, compilations, graph_launches, foreign_frees, calls_without_context;
  char last_function[64];
  unsigned last_grid[3], last_block[3], last_shared;
  long long last_argument;  ///< the first eight bytes of the last launch's struct
} fake_cuda_state;

/// Forgets everything; two devices with 1 GB.
void fake_cuda_reset(void);
fake_cuda_state *fake_cuda(void);

martlet_cuda_functions fake_cuda_functions(void);
martlet_nvrtc_functions fake_nvrtc_functions(void);

#pragma clang assume_nonnull end
