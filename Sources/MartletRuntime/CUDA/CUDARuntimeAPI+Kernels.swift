internal import CMartletDriver

// MARK: Code

extension CUDARuntimeAPI {
  package func compilerIdentity() throws(RuntimeError) -> String {
    try compiler.identity
  }

  package var codeEnding: String { "cubin" }

  package func compile(_ source: KernelSource, architecture: String) throws(RuntimeError) -> [UInt8] {
    try compiler.compile(source, architecture: architecture)
  }

  package func loadModule(_ image: [UInt8]) throws(RuntimeError) -> ModuleHandle {
    let functions = try functions()
    var module: OpaquePointer?
    let result = image.withUnsafeBytes { functions.module_load(&module, $0.baseAddress!) }
    try check(result, "cuModuleLoadData")
    return ModuleHandle(rawValue: UInt(bitPattern: module))
  }

  package func unloadModule(_ module: ModuleHandle) {
    guard let functions = try? functions(), let module = OpaquePointer(bitPattern: module.rawValue) else { return }
    _ = functions.module_unload(module)
  }

  package func function(
    _ name: String, in module: ModuleHandle, of source: KernelSource
  ) throws(RuntimeError) -> FunctionHandle {
    let functions = try functions()
    var function: OpaquePointer?
    try check(
      functions.module_function(&function, OpaquePointer(bitPattern: module.rawValue)!, name),
      "cuModuleGetFunction(\(name))")
    var attributes: [(Int, Int)] = []
    // Up to 48 KB need no leave.
    if source.sharedBytes > 48 << 10 {
      attributes.append((MARTLET_CU_FUNCTION_DYNAMIC_SHARED_BYTES, source.sharedBytes))
    }
    if let share = source.sharedShare { attributes.append((MARTLET_CU_FUNCTION_SHARED_SHARE, share)) }
    for (attribute, value) in attributes {
      try check(
        functions.function_set_attribute(function!, Int32(attribute), Int32(value)), "cuFuncSetAttribute(\(name))")
    }
    return FunctionHandle(rawValue: UInt(bitPattern: function))
  }

  package func launch(
    _ function: FunctionHandle, grid: GridSize, block: GridSize, sharedBytes: Int, stream: StreamHandle,
    overlaps: Bool, argument: UnsafeMutableRawBufferPointer
  ) throws(RuntimeError) {
    let functions = try functions()
    var parameter = argument.baseAddress
    if overlaps {
      var attribute = martlet_cu_launch_attribute()
      attribute.kind = Int32(MARTLET_CU_LAUNCH_OVERLAPPING)
      attribute.value = 1
      let result = withUnsafeMutablePointer(to: &attribute) { attribute in
        var configuration = martlet_cu_launch_configuration(
          gx: UInt32(grid.x), gy: UInt32(grid.y), gz: UInt32(grid.z), bx: UInt32(block.x), by: UInt32(block.y),
          bz: UInt32(block.z), shared: UInt32(sharedBytes), stream: stream.cuda, attributes: attribute,
          attribute_count: 1)
        return functions.launch_configured(
          &configuration, OpaquePointer(bitPattern: function.rawValue)!, &parameter, nil)
      }
      return try check(result, "cuLaunchKernelEx")
    }
    let result = functions.launch(
      OpaquePointer(bitPattern: function.rawValue)!, UInt32(grid.x), UInt32(grid.y), UInt32(grid.z), UInt32(block.x),
      UInt32(block.y), UInt32(block.z), UInt32(sharedBytes), stream.cuda, &parameter, nil)
    try check(result, "cuLaunchKernel")
  }
}

// MARK: Products

extension CUDARuntimeAPI {
  package func matrixProducts() throws(RuntimeError) -> (any MatrixProducts)? { try matrixLibrary()?.products() }
}

// MARK: Events

extension CUDARuntimeAPI {
  package func createEvent(isTimed: Bool) throws(RuntimeError) -> EventHandle {
    let functions = try functions()
    var event: OpaquePointer?
    let flags = UInt32(isTimed ? MARTLET_CU_EVENT_TIMED : MARTLET_CU_EVENT_UNTIMED)
    try check(functions.event_create(&event, flags), "cuEventCreate")
    return EventHandle(rawValue: UInt(bitPattern: event))
  }

  package func destroyEvent(_ event: EventHandle) {
    _ = try? functions().event_destroy(event.cuda)
  }

  package func recordEvent(_ event: EventHandle, on stream: StreamHandle) throws(RuntimeError) {
    try check(functions().event_record(event.cuda, stream.cuda), "cuEventRecord")
  }

  package func waitForEvent(_ event: EventHandle, on stream: StreamHandle) throws(RuntimeError) {
    try check(functions().stream_wait_event(stream.cuda, event.cuda, 0), "cuStreamWaitEvent")
  }

  package func synchronizeEvent(_ event: EventHandle) throws(RuntimeError) {
    try check(functions().event_synchronize(event.cuda), "cuEventSynchronize")
  }

  package func isComplete(_ event: EventHandle) throws(RuntimeError) -> Bool {
    let result = try functions().event_query(event.cuda)
    if result == MARTLET_CU_NOT_READY { return false }
    try check(result, "cuEventQuery")
    return true
  }

  package func milliseconds(from start: EventHandle, to end: EventHandle) throws(RuntimeError) -> Float {
    var milliseconds: Float = 0
    try check(functions().event_elapsed(&milliseconds, start.cuda, end.cuda), "cuEventElapsedTime")
    return milliseconds
  }
}

// MARK: Graphs

extension CUDARuntimeAPI {
  package func beginCapture() throws(RuntimeError) -> StreamHandle {
    let functions = try functions()
    var stream: OpaquePointer?
    // In no order with the default stream, which other threads may use while this one records.
    try check(functions.stream_create(&stream, UInt32(MARTLET_CU_STREAM_NON_BLOCKING)), "cuStreamCreate")
    let handle = StreamHandle(rawValue: UInt(bitPattern: stream))
    do {
      try check(functions.capture_begin(stream, Int32(MARTLET_CU_CAPTURE_THREAD_LOCAL)), "cuStreamBeginCapture")
    } catch {
      destroyStream(handle)
      throw error
    }
    return handle
  }

  package func endCapture(_ stream: StreamHandle) throws(RuntimeError) -> GraphHandle {
    let functions = try functions()
    defer { destroyStream(stream) }
    var graph: OpaquePointer?
    try check(functions.capture_end(stream.cuda, &graph), "cuStreamEndCapture")
    defer { _ = functions.graph_destroy(graph!) }
    var executable: OpaquePointer?
    try check(functions.graph_instantiate(&executable, graph!, 0), "cuGraphInstantiate")
    return GraphHandle(rawValue: UInt(bitPattern: executable))
  }

  package func launchGraph(_ graph: GraphHandle, on stream: StreamHandle) throws(RuntimeError) {
    try check(functions().graph_launch(OpaquePointer(bitPattern: graph.rawValue)!, stream.cuda), "cuGraphLaunch")
  }

  package func destroyGraph(_ graph: GraphHandle) {
    guard let graph = OpaquePointer(bitPattern: graph.rawValue) else { return }
    _ = try? functions().graph_exec_destroy(graph)
  }
}

extension EventHandle {
  fileprivate var cuda: OpaquePointer { OpaquePointer(bitPattern: rawValue)! }
}
