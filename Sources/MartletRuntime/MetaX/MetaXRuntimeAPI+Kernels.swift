internal import CMartletDriver
internal import CMartletKernels

// MARK: Code

extension MetaXRuntimeAPI {
  /// The compiler, which is a part of the library.
  func compiler() throws(RuntimeError) -> MetaXCompiler {
    MetaXCompiler(functions: try functions(), search: driver.search)
  }

  package func compilerIdentity() throws(RuntimeError) -> String { try compiler().identity }

  package var codeEnding: String { "bitcode" }

  package func compile(_ source: KernelSource, architecture: String) throws(RuntimeError) -> [UInt8] {
    guard let target = MetaXTarget(architecture) else {
      throw .deviceUnavailable(device: Device.Kind.metax.rawValue, reason: "it has no architecture \(architecture)")
    }
    return try compiler().compile(source, definitions: MetaXCompiler.definitions(wave: target.wave))
  }

  /// The kernel that asks a device what it is. Nothing stands ahead of it.
  var identity: KernelSource {
    let file = martlet_kernel_file_of(MARTLET_KERNEL_IDENTIFY)
    let name = String(cString: file.name)
    return KernelSource(name: name, parts: [(file: name + ".cu", text: String(cString: file.text))])
  }

  /// Asks a device by a kernel what it is: the numbers of its attributes are not sure, its compiler's words are.
  /// - Parameter passing: how the kernel gets its argument; as it works best unless given.
  func identify(_ index: Int, by passing: MetaXDriver.Passing? = nil) throws(RuntimeError) -> MetaXTarget {
    let image = try compiler().compile(identity, definitions: nil)
    try setDevice(index)
    let module = try loadModule(image)
    defer { unloadModule(module) }
    let function = try function("identify", in: module, of: identity)
    let out = try allocateDevice(bytes: 8)
    defer { freeDevice(out) }
    var answers: (wave: Int32, architecture: Int32) = (0, 0)
    try copy(to: out, from: &answers, bytes: 8, kind: .hostToDevice)
    var argument = out
    let result = withUnsafeMutableBytes(of: &argument) { bytes in
      Result { () throws(RuntimeError) in
        try launch(
          function, grid: GridSize(1), block: GridSize(64), sharedBytes: 0, stream: .default, argument: bytes,
          by: passing.map { [$0] } ?? driver.passings)
      }
    }
    try result.get()
    try copy(to: &answers, from: out, bytes: 8, kind: .deviceToHost)
    guard answers.wave == 32 || answers.wave == 64 else {
      throw .deviceUnavailable(
        device: "metax:\(index)", reason: "its waves have \(answers.wave) lanes, and kernels are for 32 or 64")
    }
    let isStandIn = try functions().stand_in != nil
    return MetaXTarget(
      architecture: isStandIn ? "standin" : "xcore\(answers.architecture)", wave: Int(answers.wave))
  }

  package func loadModule(_ image: [UInt8]) throws(RuntimeError) -> ModuleHandle {
    let functions = try functions()
    var module: OpaquePointer?
    let result = image.withUnsafeBytes { functions.module_load(&module, $0.baseAddress!) }
    try check(result, "ModuleLoadData")
    return ModuleHandle(rawValue: UInt(bitPattern: module))
  }

  package func unloadModule(_ module: ModuleHandle) {
    guard let functions = try? functions(), let module = OpaquePointer(bitPattern: module.rawValue) else { return }
    _ = functions.module_unload(module)
  }

  /// - Parameter source: nothing is made of it: what a block can have at all needs no leave, and functions of modules are
  ///   said to refuse attributes.
  package func function(
    _ name: String, in module: ModuleHandle, of source: KernelSource
  ) throws(RuntimeError) -> FunctionHandle {
    let functions = try functions()
    var function: OpaquePointer?
    try check(
      functions.module_function(&function, OpaquePointer(bitPattern: module.rawValue)!, name), "ModuleGetFunction",
      "(\(name))")
    return FunctionHandle(rawValue: UInt(bitPattern: function))
  }

  package func launch(
    _ function: FunctionHandle, grid: GridSize, block: GridSize, sharedBytes: Int, stream: StreamHandle,
    overlaps: Bool, argument: UnsafeMutableRawBufferPointer
  ) throws(RuntimeError) {
    try launch(
      function, grid: grid, block: block, sharedBytes: sharedBytes, stream: stream, argument: argument,
      by: driver.passings)
  }

  /// - Parameter passings: ways to hand over the argument, of which the first that works is remembered. Where none does, the
  ///   error is that of the first.
  private func launch(
    _ function: FunctionHandle, grid: GridSize, block: GridSize, sharedBytes: Int, stream: StreamHandle,
    argument: UnsafeMutableRawBufferPointer, by passings: [MetaXDriver.Passing]
  ) throws(RuntimeError) {
    let functions = try functions()
    var first: Int32?
    for passing in passings {
      let result = withArguments(argument, passing) { parameters, extra in
        functions.launch(
          OpaquePointer(bitPattern: function.rawValue)!, UInt32(grid.x), UInt32(grid.y), UInt32(grid.z),
          UInt32(block.x), UInt32(block.y), UInt32(block.z), UInt32(sharedBytes), stream.metax, parameters, extra)
      }
      if result == MARTLET_MC_SUCCESS { return driver.note(passing) }
      first = first ?? result
    }
    try check(first ?? 0, "ModuleLaunchKernel")
  }

  private typealias Arguments = UnsafeMutablePointer<UnsafeMutableRawPointer?>

  /// Calls `body` with the launch's last two arguments.
  private func withArguments(
    _ argument: UnsafeMutableRawBufferPointer, _ passing: MetaXDriver.Passing,
    _ body: (_ parameters: Arguments?, _ extra: Arguments?) -> Int32
  ) -> Int32 {
    guard passing != .addresses else {
      var parameter = argument.baseAddress
      return body(&parameter, nil)
    }
    var size = argument.count
    return withUnsafeMutablePointer(to: &size) { size in
      let end = passing == .packed ? MARTLET_MC_PACKED_END : MARTLET_MC_PACKED_OTHER_END
      var extra = [
        UnsafeMutableRawPointer(bitPattern: Int(MARTLET_MC_PACKED_POINTER)), argument.baseAddress,
        UnsafeMutableRawPointer(bitPattern: Int(MARTLET_MC_PACKED_SIZE)), UnsafeMutableRawPointer(size),
        UnsafeMutableRawPointer(bitPattern: Int(end)),
      ]
      return body(nil, &extra)
    }
  }
}

// MARK: Products

extension MetaXRuntimeAPI {
  /// None so far: what mcBLAS gives in f32 is disputed, and nobody has compared.
  package func matrixProducts() throws(RuntimeError) -> (any MatrixProducts)? { nil }
}

// MARK: Events

extension MetaXRuntimeAPI {
  /// All events tell times: how to ask for others is not sure.
  package func createEvent(isTimed: Bool) throws(RuntimeError) -> EventHandle {
    let functions = try functions()
    var event: OpaquePointer?
    try check(functions.event_create(&event), "EventCreate")
    return EventHandle(rawValue: UInt(bitPattern: event))
  }

  package func destroyEvent(_ event: EventHandle) {
    _ = try? functions().event_destroy(event.metax)
  }

  package func recordEvent(_ event: EventHandle, on stream: StreamHandle) throws(RuntimeError) {
    try check(functions().event_record(event.metax, stream.metax), "EventRecord")
  }

  package func waitForEvent(_ event: EventHandle, on stream: StreamHandle) throws(RuntimeError) {
    try check(functions().stream_wait_event(stream.metax, event.metax, 0), "StreamWaitEvent")
  }

  package func synchronizeEvent(_ event: EventHandle) throws(RuntimeError) {
    try check(functions().event_synchronize(event.metax), "EventSynchronize")
  }

  package func isComplete(_ event: EventHandle) throws(RuntimeError) -> Bool {
    let result = try functions().event_query(event.metax)
    if result == MARTLET_MC_NOT_READY { return false }
    try check(result, "EventQuery")
    return true
  }

  package func milliseconds(from start: EventHandle, to end: EventHandle) throws(RuntimeError) -> Float {
    var milliseconds: Float = 0
    try check(functions().event_elapsed(&milliseconds, start.metax, end.metax), "EventElapsedTime")
    return milliseconds
  }
}

// MARK: Graphs

extension MetaXRuntimeAPI {
  private func graphs() throws(RuntimeError) -> MetaXGraphFunctions {
    guard let graphs = try functions().graphs else {
      throw .deviceUnavailable(
        device: Device.Kind.metax.rawValue,
        reason: "the library cannot record: it lacks \(driver.search.lacking.joined(separator: ", "))")
    }
    return graphs
  }

  package func beginCapture() throws(RuntimeError) -> StreamHandle {
    let graphs = try graphs()
    let stream = try createStream()
    do {
      try check(graphs.begin(stream.metax!, Int32(MARTLET_MC_CAPTURE_THREAD_LOCAL)), "StreamBeginCapture")
    } catch {
      destroyStream(stream)
      throw error
    }
    return stream
  }

  package func endCapture(_ stream: StreamHandle) throws(RuntimeError) -> GraphHandle {
    let graphs = try graphs()
    defer { destroyStream(stream) }
    var graph: OpaquePointer?
    try check(graphs.end(stream.metax!, &graph), "StreamEndCapture")
    defer { _ = graph.map { graphs.destroy($0) } }
    guard let graph else { throw failure(0, "StreamEndCapture", ": it gave no graph", try functions()) }
    var executable: OpaquePointer?
    try check(graphs.instantiate(&executable, graph, nil, nil, 0), "GraphInstantiate")
    return GraphHandle(rawValue: UInt(bitPattern: executable))
  }

  package func launchGraph(_ graph: GraphHandle, on stream: StreamHandle) throws(RuntimeError) {
    try check(graphs().launch(OpaquePointer(bitPattern: graph.rawValue)!, stream.metax), "GraphLaunch")
  }

  package func destroyGraph(_ graph: GraphHandle) {
    guard let graph = OpaquePointer(bitPattern: graph.rawValue) else { return }
    _ = try? graphs().destroyExecutable(graph)
  }
}

extension EventHandle {
  fileprivate var metax: OpaquePointer { OpaquePointer(bitPattern: rawValue)! }
}
