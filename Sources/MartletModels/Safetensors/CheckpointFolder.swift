internal import MartletJSON
package import MartletRuntime
package import MartletTensor

/// A folder as transformers' `save_pretrained` writes it: `config.json` and the weights in one safetensors file or in
/// several with an index. Names are transformers' own.
package final class CheckpointFolder: WeightSource {
  package var path: String { folder.path }
  let folder: FileFolder
  /// The contents of `config.json`.
  let configuration: JSONValue
  /// Its path, for messages.
  let configurationFile: String
  private let files: [SafetensorsFile]
  private let places: [String: Int]

  private static let single = "model.safetensors"
  private static let index = "model.safetensors.index.json"
  private static let pickles = ["pytorch_model.bin", "pytorch_model.bin.index.json"]

  /// Opens the folder at `path` and checks the headers of all its files.
  /// - Parameter configuration: the name of the configuration's file.
  /// - Throws: ``SafetensorsError`` or ``ModelError``.
  package convenience init(path: String, configuration: String = "config.json") throws {
    try self.init(FileFolder(path: path), configuration: configuration)
  }

  /// Opens a folder, or files in memory, and checks the headers of all files.
  /// - Parameter configuration: the name of the configuration's file.
  /// - Throws: ``SafetensorsError`` or ``ModelError``.
  package init(_ folder: FileFolder, configuration: String = "config.json") throws {
    self.folder = folder
    configurationFile = folder.path(of: configuration)
    self.configuration = try Self.json(folder, configuration)
    var files: [SafetensorsFile] = []
    var places: [String: Int] = [:]
    // Before an index, as in transformers.
    if folder.contains(Self.single) {
      files.append(try SafetensorsFile(Self.map(folder, Self.single)))
      for tensor in files[0].tensors { places[tensor.name] = 0 }
    } else if folder.contains(Self.index) {
      var names: [String: Int] = [:]
      for (weight, file) in try Self.weightMap(folder) {
        if names[file] == nil {
          names[file] = files.count
          files.append(try SafetensorsFile(Self.map(folder, file)))
        }
        places[weight] = names[file]
      }
      for (weight, place) in places where files[place].tensor(named: weight) == nil {
        throw SafetensorsError(
          path: folder.path(of: Self.index),
          message: "says that \(quoted(weight)) is in \(files[place].path), but it is not")
      }
    } else if Self.pickles.contains(where: folder.contains) {
      throw SafetensorsError(
        path: folder.path, message: "holds its weights as Python pickles only" + ForeignFile.pickleAdvice)
    } else {
      throw SafetensorsError(
        path: folder.path, message: "has neither \(Self.single) nor \(Self.index)", isMissing: true)
    }
    self.files = files
    self.places = places
  }

  package var names: [String] {
    // Buffers that old checkpoints carry and transformers computes anew.
    places.keys.filter { !$0.hasSuffix(".rotary_emb.inv_freq") }
  }

  /// What the files say of all weights, file by file.
  package var summary: [WeightInfo] {
    files.flatMap { file in
      file.tensors.map {
        WeightInfo(name: $0.name, shape: $0.shape, type: $0.type, bytes: $0.byteRange.count)
      }
    }
  }

  package func nativeName(of name: String) -> String { name }

  package func tensor(named name: String) throws -> Tensor? {
    guard let place = places[name], let info = files[place].tensor(named: name) else { return nil }
    let storage = Storage(borrowing: files[place].bytes(of: info), owner: files[place])
    return try Tensor(storage: storage, dtype: info.type, layout: Layout(contiguous: Shape(info.shape)))
  }

  package func releasePages() {
    for file in files { file.mapping.releasePages() }
  }

  /// The bytes of a file of the folder, or nil if there is none of that name.
  package func contents(of name: String) throws -> MappedFile? {
    folder.contains(name) ? try folder.file(name) : nil
  }

  /// The names of the files in a folder within this one, sorted; none if it is not there.
  package func names(in subfolder: String) -> [String] { folder.names(in: subfolder) }

  private static func map(_ folder: FileFolder, _ name: String) throws(SafetensorsError) -> MappedFile {
    do {
      return try folder.file(name)
    } catch {
      throw SafetensorsError(path: error.path, message: error.message, isMissing: error.kind == .notFound)
    }
  }

  static func json(_ folder: FileFolder, _ name: String) throws(SafetensorsError) -> JSONValue {
    let file = try map(folder, name)
    do {
      return try withExtendedLifetime(file) { () throws(JSONError) in
        try JSONValue(parsing: file.bytes, roundsWideIntegers: true)
      }
    } catch {
      throw SafetensorsError(path: file.path, message: "\(error)")
    }
  }

  /// Which file holds which weight.
  private static func weightMap(_ folder: FileFolder) throws -> [(weight: String, file: String)] {
    let path = folder.path(of: index)
    guard let map = try json(folder, index)["weight_map"]?.object else {
      throw SafetensorsError(path: path, message: "has no weight_map")
    }
    return try map.members.map { member in
      // A file of the same folder, nothing else: the index may come from anywhere.
      guard let file = member.value.string, !file.contains("/"), !file.isEmpty, !file.hasPrefix(".") else {
        throw SafetensorsError(
          path: path, message: "names \(member.value.summary) as the file of \(quoted(member.key)): not a file name")
      }
      return (member.key, file)
    }
  }
}
