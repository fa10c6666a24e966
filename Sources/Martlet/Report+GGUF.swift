internal import MartletModels
internal import MartletTemplate
internal import MartletTensor

extension Report {
  /// Keys, tensors by type, and parameters of a GGUF file.
  init(gguf file: GGUFFile) throws {
    var metadata = TemplateObject()
    var lines = "\(file.path)\nGGUF version \(file.version), \(file.tensors.count) tensors\n\nMetadata\n"
    for entry in file.metadata.entries {
      let value = Self.value(entry.value)
      metadata[entry.key] = value
      lines += "  \(entry.key.printable) = \(Self.line(value))\n"
    }
    var types: [(dtype: DType, tensors: Int, elements: Int, bytes: Int)] = []
    for tensor in file.tensors {
      if let index = types.firstIndex(where: { $0.dtype == tensor.type }) {
        types[index].tensors += 1
        types[index].elements += tensor.elementCount
        types[index].bytes += tensor.byteRange.count
      } else {
        types.append((tensor.type, 1, tensor.elementCount, tensor.byteRange.count))
      }
    }
    let parameters = types.reduce(0) { $0 + $1.elements }
    lines += "\nWeights\n"
    for type in types {
      lines +=
        "  \(type.dtype.name): \(type.tensors) tensors, \(type.elements) elements, \(Self.megabytes(type.bytes))\n"
    }
    lines += "  together \(parameters) parameters\n"
    text = lines
    let tensors = file.tensors.map { tensor -> TemplateValue in
      [
        "name": .string(tensor.name), "shape": .array(tensor.shape.map { .int($0) }),
        "type": .string(tensor.type.name), "bytes": .int(tensor.byteRange.count),
      ]
    }
    json = [
      "path": .string(file.path), "format": "gguf", "version": .int(file.version), "parameters": .int(parameters),
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
