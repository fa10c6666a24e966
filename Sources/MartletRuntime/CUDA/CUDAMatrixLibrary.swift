package import CMartletDriver

/// NVIDIA's library of matrix products, cuBLASLt: there or not, nothing depends on it.
package struct CUDAMatrixLibrary: Sendable {
  /// The one of this machine, opened at the first use.
  static let shared: CUDAMatrixLibrary = {
    let (functions, search) = CUDALibraries.openMatrixLibrary()
    return CUDAMatrixLibrary(functions, search: search)
  }()

  /// How it was looked for.
  let search: LibrarySearch
  private let functions: martlet_cublaslt_functions?

  /// - Parameter functions: nil if no library was found.
  package init(_ functions: martlet_cublaslt_functions?, search: LibrarySearch) {
    (self.functions, self.search) = (functions, search)
  }

  /// Products for a stream of the current device; nil without the library.
  func products() throws(RuntimeError) -> CUDAMatrixProducts? {
    guard let functions else { return nil }
    return try CUDAMatrixProducts(functions)
  }
}

/// cuBLASLt for one stream.
///
/// The library's own first choice for a shape is taken. It depends on the shape, the library and the device alone, so runs
/// repeat to the bit; measuring candidates would gain 1 to 8 % of a prompt's products and lose that.
final class CUDAMatrixProducts: MatrixProducts {
  /// How a shape is calculated.
  private struct Plan {
    let product: OpaquePointer
    let weight, x, out: OpaquePointer
    let algorithm: martlet_cublaslt_algorithm
  }

  /// Prompts come in any length; those of the last ones are kept.
  private static let mostPlans = 1024

  /// What NVIDIA advises for Hopper.
  let workspaceBytes = 32 << 20
  private let functions: martlet_cublaslt_functions
  private let handle: OpaquePointer
  /// Nil for a shape that the library has no way to calculate.
  private var plans: [MatrixProduct.Shape: Plan?] = [:]

  init(_ functions: martlet_cublaslt_functions) throws(RuntimeError) {
    self.functions = functions
    var handle: OpaquePointer?
    try Self.check(functions.create(&handle), "cublasLtCreate", functions)
    self.handle = handle!
  }

  deinit {
    forgetPlans()
    _ = functions.destroy(handle)
  }

  func multiply(
    _ product: MatrixProduct, workspace: UnsafeMutableRawPointer, on stream: StreamHandle
  ) throws(RuntimeError) -> Bool {
    guard let plan = try plan(product) else { return false }
    if var bias = product.bias { try set(plan.product, MARTLET_CUBLASLT_PRODUCT_BIAS, &bias) }
    var (one, zero): (Float, Float) = (1, 0)
    var algorithm = plan.algorithm
    // The library counts in columns: the result is [rows, tokens] to it, the weight its transposed left side.
    try check(
      functions.multiply(
        handle, plan.product, &one, product.weight, plan.weight, product.x, plan.x, &zero, product.out, plan.out,
        product.out, plan.out, &algorithm, workspace, workspaceBytes, stream.cuda), "cublasLtMatmul")
    return true
  }

  private func plan(_ product: MatrixProduct) throws(RuntimeError) -> Plan? {
    if let known = plans[product.shape] { return known }
    if plans.count >= Self.mostPlans { forgetPlans() }
    let plan = try makePlan(product)
    plans[product.shape] = .some(plan)
    return plan
  }

  private func makePlan(_ product: MatrixProduct) throws(RuntimeError) -> Plan? {
    let shape = product.shape
    var description: OpaquePointer?
    try check(
      functions.product_create(&description, Int32(MARTLET_CUBLASLT_COMPUTE_F32), Int32(MARTLET_CUBLASLT_F32)),
      "cublasLtMatmulDescCreate")
    var made = Made(functions, product: description!)
    var transposed = Int32(MARTLET_CUBLASLT_TRANSPOSED)
    try set(description!, MARTLET_CUBLASLT_PRODUCT_TRANSPOSE_A, &transposed)
    if var bias = product.bias {
      var (epilogue, type) = (Int32(MARTLET_CUBLASLT_ADD_BIAS), shape.outElement.code)
      try set(description!, MARTLET_CUBLASLT_PRODUCT_EPILOGUE, &epilogue)
      try set(description!, MARTLET_CUBLASLT_PRODUCT_BIAS_TYPE, &type)
      try set(description!, MARTLET_CUBLASLT_PRODUCT_BIAS, &bias)
    }
    let weight = try layout(shape.element, shape.columns, shape.rows, shape.weightStride, &made)
    let x = try layout(shape.element, shape.columns, shape.tokens, shape.xStride, &made)
    let out = try layout(shape.outElement, shape.rows, shape.tokens, shape.outStride, &made)
    guard let algorithm = try choose(description!, weight, x, out, shape) else {
      made.destroy()
      return nil
    }
    return Plan(product: description!, weight: weight, x: x, out: out, algorithm: algorithm)
  }

  /// The library's first choice.
  private func choose(
    _ product: OpaquePointer, _ weight: OpaquePointer, _ x: OpaquePointer, _ out: OpaquePointer,
    _ shape: MatrixProduct.Shape
  ) throws(RuntimeError) -> martlet_cublaslt_algorithm? {
    var preference: OpaquePointer?
    try check(functions.preference_create(&preference), "cublasLtMatmulPreferenceCreate")
    defer { _ = functions.preference_destroy(preference!) }
    var workspace = workspaceBytes
    let name = "cublasLtMatmulPreferenceSetAttribute"
    try check(
      functions.preference_set(preference!, Int32(MARTLET_CUBLASLT_PREFERENCE_WORKSPACE), &workspace, 8), name)
    // Of the weight, x, what is added to, and the result.
    for (index, alignment) in (shape.alignments + shape.alignments.suffix(1)).enumerated() {
      var alignment = alignment
      let attribute = Int32(MARTLET_CUBLASLT_PREFERENCE_ALIGNMENT_A) + Int32(index)
      try check(functions.preference_set(preference!, attribute, &alignment, 4), name)
    }
    var choice = martlet_cublaslt_choice()
    var count: Int32 = 0
    let result = functions.choose(handle, product, weight, x, out, out, preference!, 1, &choice, &count)
    // Refusals come under several names; whatever the reason, there are kernels for all shapes.
    return result == MARTLET_CUBLASLT_SUCCESS && count > 0 && choice.state == MARTLET_CUBLASLT_SUCCESS
      ? choice.algorithm : nil
  }

  private func layout(
    _ element: MatrixProduct.Element, _ rows: Int, _ columns: Int, _ stride: Int, _ made: inout Made
  ) throws(RuntimeError) -> OpaquePointer {
    var layout: OpaquePointer?
    let result = functions.layout_create(&layout, element.code, UInt64(rows), UInt64(columns), Int64(stride))
    if result != MARTLET_CUBLASLT_SUCCESS { made.destroy() }
    try check(result, "cublasLtMatrixLayoutCreate")
    made.layouts.append(layout!)
    return layout!
  }

  private func set<Value: BitwiseCopyable>(
    _ product: OpaquePointer, _ attribute: Int, _ value: inout Value
  ) throws(RuntimeError) {
    try check(
      functions.product_set(product, Int32(attribute), &value, MemoryLayout<Value>.size),
      "cublasLtMatmulDescSetAttribute")
  }

  private func forgetPlans() {
    for case .some(let plan) in plans.values {
      var made = Made(functions, product: plan.product)
      made.layouts = [plan.weight, plan.x, plan.out]
      made.destroy()
    }
    plans.removeAll()
  }

  /// The library's objects of a plan.
  private struct Made {
    let functions: martlet_cublaslt_functions
    let product: OpaquePointer
    var layouts: [OpaquePointer] = []

    init(_ functions: martlet_cublaslt_functions, product: OpaquePointer) {
      (self.functions, self.product) = (functions, product)
    }

    func destroy() {
      for layout in layouts { _ = functions.layout_destroy(layout) }
      _ = functions.product_destroy(product)
    }
  }

  private func check(_ status: Int32, _ call: String) throws(RuntimeError) {
    try Self.check(status, call, functions)
  }

  private static func check(
    _ status: Int32, _ call: String, _ functions: martlet_cublaslt_functions
  ) throws(RuntimeError) {
    guard status != MARTLET_CUBLASLT_SUCCESS else { return }
    throw .callFailed(device: Device(.cuda), call: call, reason: String(cString: functions.status_name(status)))
  }
}

extension MatrixProduct.Element {
  /// `cudaDataType_t`
  fileprivate var code: Int32 {
    switch self {
    case .f32: Int32(MARTLET_CUBLASLT_F32)
    case .f16: Int32(MARTLET_CUBLASLT_F16)
    case .bf16: Int32(MARTLET_CUBLASLT_BF16)
    }
  }
}
