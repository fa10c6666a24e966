internal import MartletRuntime

/// What is removed of a repository, while nobody fetches anything of it.
extension CacheFolders {
  /// Removes the repository and its locks.
  /// - Returns: how many bytes that freed.
  func removeAll() throws(HubError) -> Int {
    let bytes = try FileSystem.removeTree(root)
    try FileSystem.removeTree(locks)
    return bytes
  }

  /// Removes a file of a snapshot, or the whole snapshot, with the contents that no other file here has.
  /// - Parameter file: its path in the repository; nil for all of them.
  /// - Returns: how many bytes that freed.
  /// - Throws: `HubError` if something cannot be removed, or a folder in question is a link to somewhere else.
  func remove(_ file: String?, of commit: String) throws(HubError) -> Int {
    let snapshot = snapshot(commit)
    for folder in Directory.names(in: root).map({ root + "/" + $0 }) + [snapshot]
    where FileSystem.ownKind(folder) == .link {
      throw HubError(code: .usage, message: "\(folder) is a link to somewhere else, where nothing is removed")
    }
    let files = FileSystem.files(below: snapshot)
    let removed = file.map { [$0] } ?? files
    // With the last file its snapshot goes, and with the last snapshot all that belongs to the repository.
    let isLastFile = removed.count >= files.count
    let snapshots = Directory.names(in: root + "/snapshots")
    guard !isLastFile || snapshots.contains(where: { $0 != commit }) else { return try removeAll() }

    var contents = Set(removed.compactMap { blobName($0, of: commit) })
    var bytes = 0
    for path in removed { bytes += try FileSystem.removeTree(snapshot + "/" + path) }
    if isLastFile {
      bytes += try FileSystem.removeTree(snapshot)
      bytes += try FileSystem.removeTree("\(root)/.no_exist/\(commit)")
      for reference in FileSystem.files(below: root + "/refs") {
        let path = root + "/refs/" + reference
        if HuggingFaceCache.commit(in: path) == commit { bytes += try FileSystem.removeTree(path) }
      }
    }
    for other in snapshots {
      for path in FileSystem.files(below: self.snapshot(other)) {
        if let name = blobName(path, of: other) { contents.remove(name) }
      }
    }
    for name in contents { bytes += try FileSystem.removeTree("\(root)/blobs/\(name)") }
    return bytes
  }

  /// The name of the blob that a file of a snapshot is a link to; nil if it is none, or leads elsewhere.
  private func blobName(_ path: String, of commit: String) -> String? {
    let way = Self.wayToBlobs(from: path)
    guard let target = FileSystem.linkTarget(snapshot(commit) + "/" + path), target.hasPrefix(way) else { return nil }
    let name = String(target.dropFirst(way.count))
    return name.isEmpty || name.contains("/") || name.hasPrefix(".") ? nil : name
  }
}
