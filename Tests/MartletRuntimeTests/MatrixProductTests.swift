import FakeCUDA
import MartletRuntime
import Testing

/// The vendor's matrix products over a library that is none.
extension CUDARuntimeTests {
  private func runtime(hasLibrary: Bool = true) throws -> Runtime {
    fake_cuda_reset()
    fake_cublaslt_reset()
    @Sendable func search(_ purpose: String) -> LibrarySearch { LibrarySearch(purpose: purpose, variable: "V") }
    let api = CUDARuntimeAPI(
      driver: CUDADriver(fake_cuda_functions(), search: search("driver")),
      compiler: CUDACompiler(fake_nvrtc_functions(), search: search("compiler"))
    ) { CUDAMatrixLibrary(hasLibrary ? fake_cublaslt_functions() : nil, search: search("products")) }
    return try Runtime(Device(.cuda), api: api, cache: KernelCache(folder: nil))
  }

  /// A product on memory of its own; nothing reads it.
  private func product(
    _ memory: Storage, tokens: Int = 20, columns: Int = 64, hasBias: Bool = false, offset: Int = 0
  ) -> MatrixProduct {
    MatrixProduct(
      MatrixProduct.Shape(
        .bf16, to: .bf16, hasBias: hasBias, tokens: tokens, rows: 8, columns: columns, xStride: columns,
        weightStride: columns, outStride: 8),
      x: memory.pointer + offset, weight: memory.pointer + 4096, bias: hasBias ? memory.pointer + 8192 : nil,
      out: memory.pointer + 12_288)
  }

  @Test func aShapeIsPlannedOnceAndEverythingGivenBack() throws {
    do {
      let runtime = try runtime()
      let memory = try Storage(byteCount: 16_384, on: runtime)
      let stream = try Stream(on: runtime)
      for _ in 0..<3 { #expect(try stream.multiply(product(memory))) }
      #expect(fake_cublaslt().pointee.questions == 1 && fake_cublaslt().pointee.products == 3)
      #expect(try stream.multiply(product(memory, tokens: 21)))
      #expect(try stream.multiply(product(memory)))
      #expect(fake_cublaslt().pointee.questions == 2 && fake_cublaslt().pointee.last_algorithm == 1)
      let state = fake_cublaslt().pointee
      #expect(state.last_x == UnsafeRawPointer(memory.pointer))
      #expect(state.last_weight == UnsafeRawPointer(memory.pointer + 4096))
      #expect(state.last_out == UnsafeRawPointer(memory.pointer + 12_288))
    }
    #expect(fake_cublaslt().pointee.live == 0, "plans and the handle go with the stream")
    #expect(fake_cuda().pointee.live_bytes == 0 && fake_cuda().pointee.live_streams == 0)
  }

  @Test func biasesComeWithTheProductAndNotWithThePlan() throws {
    let runtime = try runtime()
    let memory = try Storage(byteCount: 16_384, on: runtime)
    let stream = try Stream(on: runtime)
    #expect(try stream.multiply(product(memory, hasBias: true)))
    #expect(fake_cublaslt().pointee.last_bias == UnsafeRawPointer(memory.pointer + 8192))
    #expect(try stream.multiply(product(memory)))
    #expect(fake_cublaslt().pointee.last_bias == nil)
    #expect(fake_cublaslt().pointee.questions == 2)
  }

  @Test func lessAlignedMemoryIsAnotherShape() throws {
    let runtime = try runtime()
    let memory = try Storage(byteCount: 16_384, on: runtime)
    let stream = try Stream(on: runtime)
    for offset in [0, 2, 0, 2, 512] { #expect(try stream.multiply(product(memory, offset: offset))) }
    #expect(fake_cublaslt().pointee.questions == 2)
  }

  @Test func whatTheLibraryCannotDoIsLeftToKernels() throws {
    let runtime = try runtime()
    let memory = try Storage(byteCount: 16_384, on: runtime)
    let stream = try Stream(on: runtime)
    for _ in 0..<2 { #expect(try !stream.multiply(product(memory, columns: 63))) }
    #expect(fake_cublaslt().pointee.questions == 1, "it is asked once")
    #expect(fake_cublaslt().pointee.products == 0)
    let without = try self.runtime(hasLibrary: false)
    let other = try Storage(byteCount: 16_384, on: without)
    #expect(try !Stream(on: without).multiply(product(other)))
    #expect(fake_cuda().pointee.live_bytes > 0)
  }

  @Test func theDefaultStreamIsNobodys() throws {
    let runtime = try runtime()
    do {
      let stream = try Stream(on: runtime, isDefault: true)
      #expect(stream.handle == .default && fake_cuda().pointee.live_streams == 0)
      try stream.launch(
        "f", of: KernelSource(name: "Test", parts: [("Test.cu", "a kernel")]), grid: GridSize(1), block: GridSize(32),
        Int64(1))
      try stream.synchronize()
    }
    #expect(fake_cuda().pointee.live_streams == 0 && fake_cuda().pointee.launches == 1)
  }
}
