extension Prefetch {
  /// Nothing: blocks of threads that wait make room for others on a GPU.
  func runOnGPU() {}
}
