/// Memory that is filled once, then only read: the tables behind a tokenizer. Hot loops read `base` without the
/// bounds checks and reference counting of an array; the owner keeps the buffer alive meanwhile.
///
/// Sendable: `base` is written only inside `init`, before any other thread can hold a reference, and every
/// element is a trivial value, so all later accesses are reads of constant memory.
final class FrozenBuffer<Element: BitwiseCopyable & Sendable>: @unchecked Sendable {
  let base: UnsafePointer<Element>
  let count: Int

  /// A buffer of `count` elements that `fill` receives, each set to `initial`, and may change until it returns.
  init<Failure: Error>(
    repeating initial: Element, count: Int, fill: (UnsafeMutablePointer<Element>) throws(Failure) -> Void
  ) throws(Failure) {
    let memory = UnsafeMutablePointer<Element>.allocate(capacity: max(count, 1))
    memory.initialize(repeating: initial, count: count)
    self.base = UnsafePointer(memory)
    self.count = count
    try fill(memory)
  }

  /// A copy of `elements`.
  init(_ elements: [Element]) {
    let memory = UnsafeMutablePointer<Element>.allocate(capacity: max(elements.count, 1))
    elements.withUnsafeBufferPointer { source in
      if let from = source.baseAddress { memory.initialize(from: from, count: source.count) }
    }
    base = UnsafePointer(memory)
    count = elements.count
  }

  deinit { UnsafeMutablePointer(mutating: base).deallocate() }
}
