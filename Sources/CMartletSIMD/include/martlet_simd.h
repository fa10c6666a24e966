#pragma once

/// Tells the processor that the calling thread is spinning.
static inline void martlet_pause(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/// The cores on which the calling process may run.
int martlet_available_cores(void);
