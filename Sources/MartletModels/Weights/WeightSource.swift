package import MartletTensor

/// Where weights come from: a GGUF file now, safetensors next. Names are those of transformers' checkpoints.
package protocol WeightSource: Sendable {
  /// The file or folder, for messages.
  var path: String { get }
  /// The canonical names of all weights.
  var names: [String] { get }
  /// The weight as it lies in the file, or nil if there is none of that name. It keeps the file alive.
  func tensor(named name: String) throws -> Tensor?
  /// The name that the file itself uses, for messages.
  func nativeName(of name: String) -> String
  /// Gives back the memory of what was read so far, as far as it can be had again.
  func releasePages()
}

extension WeightSource {
  package func releasePages() {}
}

/// What a file says of one weight.
package struct WeightInfo: Sendable, Equatable {
  package let name: String
  /// Outermost first.
  package let shape: [Int]
  package let type: DType
  package let bytes: Int

  package init(name: String, shape: [Int], type: DType, bytes: Int) {
    self.name = name
    self.shape = shape
    self.type = type
    self.bytes = bytes
  }
}

/// A place in a checkpoint's tree of names: `weights["model"]["layers"][3]["self_attn"]`.
///
/// Leaves check shapes and remember what was read, so that weights nobody asked for can be reported.
package struct WeightScope {
  package let source: any WeightSource
  package let prefix: String
  private let reader: Reader

  /// What was read so far; shared by all scopes of one load.
  private final class Reader {
    var names: Set<String> = []
  }

  package init(_ source: any WeightSource) {
    self.init(source: source, prefix: "", reader: Reader())
  }

  private init(source: any WeightSource, prefix: String, reader: Reader) {
    self.source = source
    self.prefix = prefix
    self.reader = reader
  }

  /// One step down.
  package subscript(name: String) -> WeightScope {
    WeightScope(source: source, prefix: prefix.isEmpty ? name : "\(prefix).\(name)", reader: reader)
  }

  /// One step down into a list.
  package subscript(index: Int) -> WeightScope { self[String(index)] }

  /// The weight `name` if there is one.
  /// - Throws: ``ModelError/wrongWeight(file:name:expected:found:)`` if its shape is another.
  package func optional(_ name: String, shape: Shape) throws -> Tensor? {
    let path = self[name].prefix
    guard let tensor = try source.tensor(named: path) else { return nil }
    reader.names.insert(path)
    guard tensor.shape == shape else {
      throw ModelError.wrongWeight(
        file: source.path, name: source.nativeName(of: path), expected: "of shape \(shape)", found: "\(tensor.shape)")
    }
    return tensor
  }

  /// The weight `name`.
  package func tensor(_ name: String, shape: Shape) throws -> Tensor {
    guard let tensor = try optional(name, shape: shape) else {
      throw ModelError.missingWeight(file: source.path, name: source.nativeName(of: self[name].prefix))
    }
    return tensor
  }

  /// ``WeightSource/releasePages()``: packed weights are copies, and file and copies together are twice the memory.
  package func releasePages() { source.releasePages() }

  /// - Throws: ``ModelError/unusedWeights(file:names:)`` if the source has weights that were never read.
  package func requireAllRead() throws {
    let unused = source.names.filter { !reader.names.contains($0) }.map(source.nativeName).sorted()
    if !unused.isEmpty { throw ModelError.unusedWeights(file: source.path, names: unused) }
  }
}
