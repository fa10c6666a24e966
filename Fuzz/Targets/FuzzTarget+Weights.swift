import Martlet
import MartletEngine
import MartletModels
import MartletRuntime

/// Opens a GGUF file as `run` and `info` do.
func fuzzGGUF(_ input: UnsafeRawBufferPointer, _ refusals: inout Refusals) {
  refusals.collect { refusals in
    let file = try GGUFFile(MappedFile(copying: input, path: "fuzz.gguf"))
    for tensor in file.tensors { touch(file.bytes(of: tensor)) }
    refusals.collect { _ in _ = try Report(gguf: file) }
    refusals.collect { refusals in
      if let text = try TextModel(gguf: file) { exercise(text, &refusals) }
    }
    refusals.collect { _ in
      let configuration = try DecoderConfiguration(gguf: file)
      let runtime = try Context().runtime(for: .cpu)
      let weights = GGUFWeights(
        file, heads: configuration.headCount, keyHeads: configuration.keyHeadCount, runtime: runtime)
      try load(weights, configuration, on: runtime)
    }
  }
}

/// Opens a folder whose weights, or the index of whose weights, are `input`.
func fuzzSafetensors(_ input: UnsafeRawBufferPointer, _ refusals: inout Refusals) {
  refusals.collect { refusals in
    var files = [
      "config.json": try SmallCheckpoint.configuration(), "generation_config.json": try SmallCheckpoint.generation(),
    ]
    // A header's length of 8 bytes never begins with a brace in a file that is not gigantic.
    if input.first == UInt8(ascii: "{") {
      let name = "model.safetensors.index.json"
      files[name] = try MappedFile(copying: input, path: name)
      files["model-00001-of-00002.safetensors"] = try SmallCheckpoint.weights(.firstHalf)
      files["model-00002-of-00002.safetensors"] = try SmallCheckpoint.weights(.secondHalf)
    } else {
      let name = "model.safetensors"
      files[name] = try MappedFile(copying: input, path: name)
    }
    try open(files, &refusals)
  }
}

/// Opens a folder whose configuration is `input` and whose weights are those of a small model.
func fuzzConfiguration(_ input: UnsafeRawBufferPointer, _ refusals: inout Refusals) {
  refusals.collect { refusals in
    let parts = sections(input, count: 2)
    var files = [
      "config.json": try MappedFile(copying: parts[0], path: "config.json"),
      "model.safetensors": try SmallCheckpoint.weights(.all),
    ]
    if !parts[1].isEmpty {
      files["generation_config.json"] = try MappedFile(copying: parts[1], path: "generation_config.json")
    }
    try open(files, &refusals)
  }
}

private func open(_ files: [String: MappedFile], _ refusals: inout Refusals) throws {
  let folder = try CheckpointFolder(FileFolder(path: "fuzz", contents: files))
  _ = Report(folder: folder)
  refusals.collect { _ in _ = try folder.endTokens() }
  refusals.collect { _ in _ = try folder.unappliedGenerationFields() }
  for name in folder.names {
    refusals.collect { _ in _ = try folder.tensor(named: name) }
  }
  let configuration = try DecoderConfiguration(folder: folder)
  try load(folder, configuration, on: try Context().runtime(for: .cpu))
}

private func load(_ weights: any WeightSource, _ configuration: DecoderConfiguration, on runtime: Runtime) throws {
  let stream = try Stream(on: runtime, threads: 1)
  let decoder = try Decoder(WeightScope(weights), configuration, WeightLoader(compute: .auto, stream: stream))
  precondition(decoder.weightBytes > 0, "a model without weights was loaded")
}
