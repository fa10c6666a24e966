internal import MartletJSON

/// The index of weights that lie in several files, `model.safetensors.index.json`.
enum WeightIndex {
  /// How large one may be, in bytes.
  private static let sizeLimit = 64 << 20

  /// Why a file is no index.
  struct Unreadable: Error {
    let reason: String
  }

  /// The names of the files that the index at `path` names, sorted. A value that is no name stands as it is written.
  static func files(at path: String) throws(Unreadable) -> [String] {
    guard case .file(let size) = FileSystem.kind(path), size <= sizeLimit,
      let bytes = FileSystem.start(of: path, limit: size)
    else { throw Unreadable(reason: "it cannot be read, or has more than \(sizeLimit >> 20) MiB") }
    let json: JSONValue
    do { json = try JSONValue(parsing: bytes) } catch { throw Unreadable(reason: "\(error)") }
    guard let map = json["weight_map"]?.object, !map.members.isEmpty else {
      throw Unreadable(reason: "it has no weight_map")
    }
    return Set(map.members.map { $0.value.string ?? $0.value.summary }).sorted()
  }

  /// The weights that a folder of safetensors should have and does not.
  static func missingWeights(in folder: String) -> [String] {
    func isMissing(_ name: String) -> Bool { !FileSystem.isFile(folder + "/" + name) }
    guard !isMissing(ModelContents.index) else { return [ModelContents.single].filter(isMissing) }
    // What is wrong with an index, loading tells.
    return ((try? files(at: folder + "/" + ModelContents.index)) ?? []).filter(isMissing)
  }
}
