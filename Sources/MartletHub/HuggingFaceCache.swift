internal import MartletRuntime

/// The cache folder of the Python package `huggingface_hub`, read only.
///
/// A repository is `models--owner--name/`, with the commit of each branch in `refs/` and that commit's files in
/// `snapshots/<commit>/`, as links into `blobs/`.
struct HuggingFaceCache {
  let folder: String

  /// Nil if there is no place for such a cache.
  init?(_ environment: HubEnvironment) {
    guard let folder = environment.huggingFaceCache else { return nil }
    self.init(folder)
  }

  init(_ folder: String) { self.folder = folder }

  /// A commit of a repository that is here.
  struct Revision: Equatable {
    /// A branch or tag that is this commit, or else the commit.
    let name: String
    let commit: String
    /// The folder of its files.
    let path: String
  }

  enum Snapshot: Equatable {
    case found(Revision)
    case noRepository
    /// A download was begun in the repository's folder, and nothing came of it yet.
    case noSnapshot(String)
    /// These are there, but not the one that is meant, or nothing says which.
    case others([Revision])
  }

  /// The files of a revision: a branch, a tag or a commit, whose first seven digits are enough. Without one it is the
  /// branch `main`, or the only commit there is: a download of a named commit leaves no branch behind.
  func snapshot(of repository: RepositoryName, revision: String? = nil) -> Snapshot {
    let root = folder + "/" + repository.folderName
    guard FileSystem.isFolder(root) else { return .noRepository }
    let all = revisions(of: repository)
    if let revision {
      let commit = Self.commit(in: root + "/refs/" + revision) ?? revision
      let matches = all.filter { commit.utf8.count >= 7 && $0.commit.hasPrefix(commit) }
      return matches.count == 1 ? .found(matches[0]) : .others(all)
    }
    guard let commit = Self.commit(in: root + "/refs/main") else {
      return all.count == 1 ? .found(all[0]) : all.isEmpty ? .noSnapshot(root) : .others(all)
    }
    return all.first { $0.commit == commit }.map { .found($0) } ?? .noSnapshot(root)
  }

  /// All commits of a repository that are here.
  func revisions(of repository: RepositoryName) -> [Revision] {
    let root = folder + "/" + repository.folderName
    let references = FileSystem.files(below: root + "/refs").map { ($0, Self.commit(in: root + "/refs/" + $0)) }
    return Directory.names(in: root + "/snapshots").compactMap { commit in
      let path = root + "/snapshots/" + commit
      guard FileSystem.isFolder(path) else { return nil }
      // One with slashes could not be told from a path behind it.
      let names = references.filter { $0.1 == commit && !$0.0.contains("/") && ModelName.isRevision($0.0) }.map(\.0)
      return Revision(name: names.contains("main") ? "main" : names.first ?? commit, commit: commit, path: path)
    }
  }

  /// The repositories in the cache that hold models.
  func repositories() -> [RepositoryName] {
    Directory.names(in: folder).compactMap { RepositoryName(folderName: $0) }
  }

  /// The commit that a branch's file names, or nil if there is no such file or it names something else.
  static func commit(in path: String) -> String? {
    guard let bytes = FileSystem.start(of: path, limit: 128) else { return nil }
    var commit = String(decoding: bytes, as: UTF8.self)
    while let last = commit.last, last.isWhitespace { commit.removeLast() }
    // Only a hash may become part of a path.
    guard (7...64).contains(commit.utf8.count), commit.allSatisfy({ $0.isASCII && $0.isHexDigit }) else { return nil }
    return commit
  }
}
