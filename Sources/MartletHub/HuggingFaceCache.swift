/// The cache folder of the Python package `huggingface_hub`, read only.
///
/// A repository is `models--owner--name/`, with the commit of each branch in `refs/` and that commit's files in
/// `snapshots/<commit>/`, as links into `blobs/`.
struct HuggingFaceCache {
  let folder: String

  /// Nil if there is no place for such a cache.
  init?(_ environment: HubEnvironment) {
    guard let folder = environment.huggingFaceCache else { return nil }
    self.folder = folder
  }

  enum Snapshot: Equatable {
    case found(String)
    case noRepository
    case noSnapshot(String)
  }

  /// The folder of the files of the branch `main`, or of the only commit there is: a download of a named commit leaves
  /// no branch behind.
  func snapshot(of repository: RepositoryName) -> Snapshot {
    let root = folder + "/" + repository.folderName
    guard FileSystem.isFolder(root) else { return .noRepository }
    let snapshots = root + "/snapshots"
    if let commit = Self.commit(in: root + "/refs/main") {
      let path = snapshots + "/" + commit
      return FileSystem.isFolder(path) ? .found(path) : .noSnapshot(root)
    }
    let commits = FileSystem.names(in: snapshots).filter { FileSystem.isFolder(snapshots + "/" + $0) }
    return commits.count == 1 ? .found(snapshots + "/" + commits[0]) : .noSnapshot(root)
  }

  /// The repositories in the cache that hold models.
  func repositories() -> [RepositoryName] {
    FileSystem.names(in: folder).compactMap { RepositoryName(folderName: $0) }
  }

  /// The commit that a branch's file names, or nil if there is no such file or it names something else.
  private static func commit(in path: String) -> String? {
    guard let bytes = FileSystem.start(of: path, limit: 128) else { return nil }
    var commit = String(decoding: bytes, as: UTF8.self)
    while let last = commit.last, last.isWhitespace { commit.removeLast() }
    // Only a hash may become part of a path.
    guard (7...64).contains(commit.utf8.count), commit.allSatisfy({ $0.isASCII && $0.isHexDigit }) else { return nil }
    return commit
  }
}
