#include "emulation.hpp"

#include <ucontext.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

emulation::index3 threadIdx, blockIdx, blockDim, gridDim;
unsigned long long emulation::exchanged[emulation::MOST_THREADS];

namespace {

using emulation::LANES;

enum { STACK_BYTES = 64 << 10 };
// Steps from one thread to the next: they share no factor with a number of threads.
const int steps[] = {1, 1021, 1973, 4093, 7919, 10007};

struct thread_state {
  ucontext_t context;
  std::unique_ptr<char[]> stack{new char[STACK_BYTES]};
  /// Whether it can go on, and else which barrier it waits at.
  enum { RUNNING, AT_BLOCK, AT_GROUP, ENDED } state = RUNNING;
};

// There is one device: whoever comes meanwhile waits.
std::mutex device;
std::vector<thread_state> threads;
ucontext_t scheduler;
const std::function<void()> *body;

void enter() {
  (*body)();
  threads[threadIdx.x].state = thread_state::ENDED;
  // The scheduler's context follows by `uc_link`.
}

/// Lets those go on who have all come together; false if nobody waits for anybody.
bool release(unsigned first, unsigned count, decltype(thread_state::state) place) {
  bool is_any = false;
  for (unsigned i = first; i < first + count; i++) {
    if (threads[i].state == place) is_any = true;
    if (threads[i].state != place && threads[i].state != thread_state::ENDED) return false;
  }
  for (unsigned i = first; is_any && i < first + count; i++)
    if (threads[i].state == place) threads[i].state = thread_state::RUNNING;
  return is_any;
}

void run_block(int order) {
  const unsigned count = blockDim.x;
  for (auto &thread : threads) {
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.get();
    thread.context.uc_stack.ss_size = STACK_BYTES;
    thread.context.uc_link = &scheduler;
    thread.state = thread_state::RUNNING;
    makecontext(&thread.context, enter, 0);
  }
  const unsigned step = steps[(unsigned)order % (sizeof steps / sizeof *steps)] % count;
  unsigned next = (unsigned)order % count;
  while (true) {
    bool has_run = false;
    for (unsigned i = 0; i < count; i++, next = (next + step) % count) {
      if (threads[next].state != thread_state::RUNNING) continue;
      has_run = true;
      threadIdx = {next, 0, 0};
      swapcontext(&scheduler, &threads[next].context);
    }
    bool is_released = release(0, count, thread_state::AT_BLOCK);
    for (unsigned group = 0; group < count; group += LANES)
      is_released |= release(group, LANES, thread_state::AT_GROUP);
    if (has_run || is_released) continue;
    for (const auto &thread : threads) {
      if (thread.state == thread_state::ENDED) continue;
      std::fprintf(stderr, "emulated threads wait for each other at different barriers\n");
      std::abort();
    }
    return;
  }
}

void wait(decltype(thread_state::state) place) {
  auto &thread = threads[threadIdx.x];
  thread.state = place;
  swapcontext(&thread.context, &scheduler);
}

}  // namespace

void emulation::wait_for_block() { wait(thread_state::AT_BLOCK); }
void emulation::wait_for_group() { wait(thread_state::AT_GROUP); }

void emulation::run(int blocks, int count, int order, const std::function<void()> &kernel) {
  const std::lock_guard<std::mutex> lock(device);
  threads.resize(count);
  body = &kernel;
  blockDim = {(unsigned)count, 1, 1};
  gridDim = {(unsigned)blocks, 1, 1};
  for (unsigned block = 0; block < (unsigned)blocks; block++) {
    blockIdx = {block, 0, 0};
    run_block(order);
  }
}
