package import MartletModels
internal import MartletTemplate
internal import MartletTensor

extension Report {
  /// Keys, tensors by type, and parameters of a GGUF file.
  package init(gguf file: GGUFFile) throws {
    var metadata = TemplateObject()
    var lines = "\(file.path)\nGGUF version \(file.version), \(file.tensors.count) tensors\n\nMetadata\n"
    for entry in file.metadata.entries {
      let value = Self.value(entry.value)
      metadata[entry.key] = value
      lines += "  \(entry.key.printable) = \(Self.line(value))\n"
    }
    let weights = WeightSummary(
      file.tensors.map { WeightInfo(name: $0.name, shape: $0.shape, type: $0.type, bytes: $0.byteRange.count) })
    text = lines + "\nWeights\n" + weights.lines
    let tensors = file.tensors.map { tensor -> TemplateValue in
      [
        "name": .string(tensor.name), "shape": .array(tensor.shape.map { .int($0) }),
        "type": .string(tensor.type.name), "bytes": .int(tensor.byteRange.count),
      ]
    }
    json = [
      "path": .string(file.path), "format": "gguf", "version": .int(file.version),
      "parameters": .int(weights.parameters),
      "metadata": .object(metadata), "tensors": .array(tensors),
    ]
  }

  /// Arrays are told by type and length: a vocabulary would fill screens.
  private static func value(_ value: GGUFValue) -> TemplateValue {
    switch value {
    case .string(let string): .string(string.text ?? "(\(string.count) bytes that are not UTF-8)")
    case .array(let array): .string("(\(array.count) × \(array.elementType.name))")
    default:
      if let bool = value.bool {
        .bool(bool)
      } else if let integer = value.integer {
        .int(integer)
      } else {
        value.float.map(Self.number) ?? .null
      }
    }
  }

  /// JSON has neither infinity nor NaN: these are told as text.
  private static func number(_ value: Double) -> TemplateValue {
    value.isFinite ? .double(value) : .string("\(value)")
  }

  private static func line(_ value: TemplateValue) -> String {
    guard case .string(let text) = value else { return (try? value.jsonText()) ?? "" }
    let limit = 100
    return text.prefix(limit).printable + (text.count > limit ? "…" : "")
  }
}
