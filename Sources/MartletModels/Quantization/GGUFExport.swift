package import MartletRuntime
internal import MartletTensor

/// A model on its way to a GGUF file: its metadata, and its weights where they lie.
package struct GGUFExport: Sendable {
  /// A weight and what becomes of it.
  struct Source: Sendable {
    /// The name in the file that is read.
    let name: String
    let target: GGUFWriter.Tensor
    let tensor: Tensor
    /// Heads whose halves are to be interleaved.
    let heads: Int?
    let isFallback: Bool

    /// Whether numbers that were rounded to blocks before are rounded again.
    var isRequantized: Bool { tensor.dtype.isQuantized && tensor.dtype != target.type }
  }

  /// The metadata; the caller adds the vocabulary.
  package var header: GGUFHeader
  package let type: QuantizationType
  /// Rows of the embedding: the tokens that the file's vocabulary must have.
  package let vocabularySize: Int
  let sources: [Source]
  let path: String

  /// Prepares a folder of safetensors.
  /// - Throws: ``ModelError`` for weights that are missing, of another shape or not expected, and for what GGUF files cannot
  ///   say.
  package init(
    _ folder: CheckpointFolder, named name: String, type: QuantizationType, runtime: Runtime
  ) throws {
    let configuration = try DecoderConfiguration(folder: folder)
    let architecture = try configuration.architecture(of: folder)
    let header = try GGUFHeader(configuration, architecture, folder: folder, name: name)
    var found: [(name: String, native: String, tensor: Tensor, heads: Int?)] = []
    var rest = Set(folder.names)
    for weight in configuration.weights {
      rest.remove(weight.name)
      guard let tensor = try configuration.tensor(of: weight, in: folder) else {
        if weight.isOptional { continue }
        throw ModelError.missingWeight(file: folder.path, name: weight.name)
      }
      guard tensor.shape == Shape(weight.shape) else {
        throw ModelError.wrongWeight(
          file: folder.path, name: weight.name, expected: "of shape \(Shape(weight.shape))", found: "\(tensor.shape)")
      }
      let native = GGUFWeights.nativeName(of: weight.name)
      found.append((weight.name, native, tensor, architecture == "llama" ? weight.heads : nil))
    }
    if !rest.isEmpty { throw ModelError.unusedWeights(file: folder.path, names: rest.sorted()) }
    if let factors = configuration.rotaryFactors {
      let tensor = try Tensor([factors.count], .f32, on: runtime)
      try tensor.load(contentsOf: factors, on: runtime)
      found.append(("rope_freqs.weight", "rope_freqs.weight", tensor, nil))
    }
    self.init(folder.path, header, configuration, found, type)
  }

  /// Prepares a GGUF file; its metadata are taken over.
  /// - Throws: ``ModelError`` for architectures that Martlet does not read and for weights that do not fit.
  package init(_ file: GGUFFile, type: QuantizationType, runtime: Runtime) throws {
    let configuration = try DecoderConfiguration(gguf: file)
    var header = GGUFHeader()
    for entry in file.metadata.entries
    where entry.key != "general.alignment" && !["quantize.", "split."].contains(where: entry.key.hasPrefix) {
      header.set(entry.key, copying: entry.value)
    }
    var rest = Set(file.tensors.map(\.name))
    rest.remove("rope_freqs.weight")
    for weight in configuration.weights {
      let native = GGUFWeights.nativeName(of: weight.name)
      rest.remove(native)
      guard let info = file.tensor(named: native) else {
        if weight.isOptional { continue }
        throw ModelError.missingWeight(file: file.path, name: native)
      }
      guard info.shape == weight.shape else {
        throw ModelError.wrongWeight(
          file: file.path, name: native, expected: "of shape \(Shape(weight.shape))", found: "\(Shape(info.shape))")
      }
    }
    if !rest.isEmpty { throw ModelError.unusedWeights(file: file.path, names: rest.sorted()) }
    let found = try file.tensors.map { info in
      let storage = Storage(borrowing: file.bytes(of: info), owner: file)
      let tensor = try Tensor(storage: storage, dtype: info.type, layout: Layout(contiguous: Shape(info.shape)))
      return (name: info.name, native: info.name, tensor: tensor, heads: Int?.none)
    }
    self.init(file.path, header, configuration, found, type)
  }

  private init(
    _ path: String, _ header: GGUFHeader, _ configuration: DecoderConfiguration,
    _ found: [(name: String, native: String, tensor: Tensor, heads: Int?)], _ type: QuantizationType
  ) {
    let plan = QuantizationPlan(
      type: type, layerCount: configuration.layerCount, hasHead: found.contains { $0.native == "output.weight" })
    sources = found.map { name, native, tensor, heads in
      let shape = Array(tensor.shape)
      let choice = plan.type(of: native, shape: shape, source: tensor.dtype)
      return Source(
        name: name, target: GGUFWriter.Tensor(name: native, shape: shape, type: choice.type), tensor: tensor,
        heads: heads, isFallback: choice.isFallback)
    }
    self.path = path
    self.type = type
    self.header = header
    vocabularySize = configuration.vocabularySize
    self.header.set("general.quantization_version", UInt32(2))
    self.header.set("general.file_type", type.fileType)
  }
}
