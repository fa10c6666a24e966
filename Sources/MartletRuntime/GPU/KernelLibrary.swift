internal import Synchronization

/// The kernels of one device: compiled at first use, kept on disk and in the device.
package final class KernelLibrary: Sendable {
  private struct Module {
    let handle: ModuleHandle
    let source: KernelSource
    var functions: [String: FunctionHandle] = [:]
  }

  package let description: GPUDescription
  private let gpu: any GPUAPI
  private let index: Int
  private let cache: KernelCache
  private let modules = Mutex<[String: Module]>([:])

  /// - Parameter index: the device's number.
  package init(_ gpu: any GPUAPI, index: Int, cache: KernelCache = KernelCache()) throws(RuntimeError) {
    self.gpu = gpu
    self.index = index
    self.cache = cache
    description = try gpu.describe(index)
  }

  deinit {
    guard (try? gpu.setDevice(index)) != nil else { return }
    modules.withLock { modules in
      for module in modules.values { gpu.unloadModule(module.handle) }
    }
  }

  /// A kernel of a source. The first call of each name may compile, which takes up to a second; later ones look it up.
  package func function(_ name: String, of source: KernelSource) throws(RuntimeError) -> FunctionHandle {
    let known = modules.withLock { $0[source.name]?.functions[name] }
    if let known { return known }
    try load(source)
    let (gpu, index) = (gpu, index)
    let result: Result<FunctionHandle, RuntimeError> = modules.withLock { modules in
      // `load` has put it there, and nothing is ever taken away.
      let module = modules[source.name]!
      do throws(RuntimeError) {
        try gpu.setDevice(index)
        let function = try gpu.function(name, in: module.handle, of: module.source)
        modules[source.name]?.functions[name] = function
        return .success(function)
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  /// Whether the source's kernels would have to be compiled.
  package func needsCompiling(_ source: KernelSource) throws(RuntimeError) -> Bool {
    if modules.withLock({ $0[source.name] != nil }) { return false }
    return cache.image(named: try fileName(of: source)) == nil
  }

  /// Makes the source's kernels ready.
  package func load(_ source: KernelSource) throws(RuntimeError) {
    if modules.withLock({ $0[source.name] != nil }) { return }
    let file = try fileName(of: source)
    let image: [UInt8]
    if let kept = cache.image(named: file) {
      image = kept
    } else {
      image = try gpu.compile(source, architecture: description.architecture)
      cache.store(image, named: file)
    }
    try gpu.setDevice(index)
    let handle = try gpu.loadModule(image)
    let isFirst = modules.withLock { modules in
      guard modules[source.name] == nil else { return false }
      modules[source.name] = Module(handle: handle, source: source)
      return true
    }
    // Another thread was faster.
    if !isFirst { gpu.unloadModule(handle) }
  }

  /// Makes the kernels of several sources ready, compiling on all cores.
  /// - Parameter progress: called after each source with how many are done; not at all if nothing has to be compiled. What it
  ///   throws ends the loading.
  /// - Throws: `RuntimeError` if a source does not compile or load, and what `progress` throws.
  package func load(_ sources: [KernelSource], progress: (Int) throws -> Void = { _ in }) throws {
    var missing: [KernelSource] = []
    for source in sources where try needsCompiling(source) { missing.append(source) }
    if !missing.isEmpty {
      let pool = try ThreadPool(threadCount: min(ThreadPool.defaultThreadCount, missing.count))
      let architecture = description.architecture
      let failure = Mutex<RuntimeError?>(nil)
      var done = 0
      // As many at a time as there are threads, so that the caller, who takes part, can tell how far it is.
      while done < missing.count {
        let batch = missing[done..<min(done + pool.threadCount, missing.count)]
        pool.forEachRange(batch.count, grain: 1) { range, _ in
          for source in batch.dropFirst(range.lowerBound).prefix(range.count) {
            do throws(RuntimeError) {
              cache.store(try gpu.compile(source, architecture: architecture), named: try fileName(of: source))
            } catch {
              failure.withLock { $0 = $0 ?? error }
            }
          }
        }
        if let failure = failure.withLock({ $0 }) { throw failure }
        done += batch.count
        try progress(done)
      }
    }
    for source in sources { try load(source) }
  }

  private func fileName(of source: KernelSource) throws(RuntimeError) -> String {
    var fingerprint = Fingerprint()
    fingerprint.append(source.text)
    fingerprint.append(description.architecture)
    fingerprint.append(try gpu.compilerIdentity())
    return "\(source.name)-\(description.architecture)-\(fingerprint.text).\(gpu.codeEnding)"
  }
}
