internal import MartletHub
package import MartletModels
internal import MartletTemplate
internal import MartletTensor

extension Report {
  /// Weights by type and parameters of a folder of safetensors.
  package init(folder: CheckpointFolder) {
    let weights = WeightSummary(folder.summary)
    text = "\(folder.path)\nsafetensors, \(folder.summary.count) tensors\n\nWeights\n" + weights.lines
    json = [
      "path": .string(folder.path), "format": "safetensors", "parameters": .int(weights.parameters),
      "tensors": .array(
        folder.summary.map { tensor in
          [
            "name": .string(tensor.name), "shape": .array(tensor.shape.map { .int($0) }),
            "type": .string(tensor.type.name), "bytes": .int(tensor.bytes),
          ]
        }),
    ]
  }
}

/// Weights counted by type.
struct WeightSummary {
  private var types: [(dtype: DType, tensors: Int, elements: Int, bytes: Int)] = []

  /// Parameters of all types.
  var parameters: Int { types.reduce(0) { $0 + $1.elements } }

  /// A line a type, and one for all.
  var lines: String {
    types.reduce("") { text, type in
      text
        + "  \(type.dtype.name): \(type.tensors) tensors, \(type.elements) elements, \(ByteCount.text(type.bytes))\n"
    } + "  together \(parameters) parameters\n"
  }

  init(_ tensors: [WeightInfo]) {
    for tensor in tensors {
      let elements = tensor.shape.reduce(1, *)
      if let index = types.firstIndex(where: { $0.dtype == tensor.type }) {
        types[index].tensors += 1
        types[index].elements += elements
        types[index].bytes += tensor.bytes
      } else {
        types.append((tensor.type, 1, elements, tensor.bytes))
      }
    }
  }
}
