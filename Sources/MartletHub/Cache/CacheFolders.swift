internal import MartletRuntime

/// The places of one repository in the Hugging Face cache, and how they are filled.
///
/// Contents lie in `blobs/` by their hashes; `snapshots/<commit>/` links to them by their names; `refs/` knows the commit
/// of each branch. A file that is not whole yet is `blobs/<hash>.incomplete`.
struct CacheFolders: Sendable {
  private let cache: String
  let root: String
  let locks: String

  init(cache: String, repository: RepositoryName) {
    self.cache = cache
    root = cache + "/" + repository.folderName
    locks = cache + "/.locks/" + repository.folderName
  }

  /// Makes the folders that are not there.
  func create() throws(HubError) {
    for folder in [root + "/blobs", root + "/refs", root + "/snapshots", locks] { try FileSystem.makeFolder(folder) }
    let tag = cache + "/CACHEDIR.TAG"
    guard FileSystem.kind(tag) == nil else { return }
    // Programs that make backups leave such folders out: https://bford.info/cachedir/
    try FileSystem.write(
      "Signature: 8a477f597d28d172789f06886806bc55\n# This folder holds models that can be fetched again.\n", to: tag)
  }

  func blob(_ hash: ContentHash) -> String { "\(root)/blobs/\(hash)" }
  func partial(_ hash: ContentHash) -> String { blob(hash) + ".incomplete" }
  func lock(_ hash: ContentHash) -> String { "\(locks)/\(hash).lock" }
  /// The lock files that there are, those of Python's downloads among them.
  var lockFiles: [String] { Directory.names(in: locks).map { locks + "/" + $0 } }
  func snapshot(_ commit: String) -> String { "\(root)/snapshots/\(commit)" }

  /// Gives a blob its name in a snapshot. The link is relative, so the cache can be moved.
  func link(_ path: String, of commit: String, to hash: ContentHash) throws(HubError) {
    let place = snapshot(commit) + "/" + path
    if let slash = place.lastIndex(of: "/") { try FileSystem.makeFolder(String(place[..<slash])) }
    try FileSystem.link(place, to: Self.wayToBlobs(from: path) + hash.description)
  }

  /// What leads from a file of a snapshot to the blobs.
  static func wayToBlobs(from path: String) -> String {
    let depth = path.utf8.count { $0 == UInt8(ascii: "/") } + 2
    return String(repeating: "../", count: depth) + "blobs/"
  }

  /// Notes that a branch or tag is this commit now. A commit needs no note.
  func setReference(_ revision: String, to commit: String) throws(HubError) {
    guard revision != commit else { return }
    let place = root + "/refs/" + revision
    if let slash = place.lastIndex(of: "/") { try FileSystem.makeFolder(String(place[..<slash])) }
    try FileSystem.write(commit, to: place)
  }

  /// Notes that a commit does not have a file, so that the Python tools need not ask for it.
  func noteAbsence(of path: String, in commit: String) throws(HubError) {
    let folder = "\(root)/.no_exist/\(commit)"
    guard FileSystem.kind(folder + "/" + path) == nil else { return }
    try FileSystem.makeFolder(folder)
    try FileSystem.write("", to: folder + "/" + path)
  }
}
