internal import MartletJSON

/// A file of a repository on the hub.
package struct RemoteFile: Sendable, Equatable {
  /// Its path in the repository: parts with `/` between them, none of which is empty, `.` or `..` or has control
  /// characters in it. So it never leads out of a folder that it is put into.
  package let path: String
  /// In bytes; nil if the listing leaves it out.
  package var size: Int?
  package var hash: ContentHash?

  var name: String { String(path[(path.lastIndex(of: "/").map(path.index(after:)) ?? path.startIndex)...]) }

  /// Nil if `path` is none that a well-meaning repository has.
  package init?(path: String, size: Int? = nil, hash: ContentHash? = nil) {
    guard Self.isSafe(path) else { return nil }
    self.path = path
    self.size = size
    self.hash = hash
  }

  /// Whether text can become a path below a folder.
  static func isSafe(_ path: String) -> Bool {
    guard (1...1024).contains(path.utf8.count) else { return false }
    guard !path.unicodeScalars.contains(where: { $0.properties.generalCategory == .control || $0 == "\\" }) else {
      return false
    }
    return path.split(separator: "/", omittingEmptySubsequences: false).allSatisfy {
      !$0.isEmpty && $0 != "." && $0 != ".." && $0.utf8.count <= 255
    }
  }
}

/// What the hub says of one revision of a repository.
struct RemoteRevision: Sendable, Equatable {
  /// The commit that the revision is at this moment.
  let commit: String
  let files: [RemoteFile]

  /// Reads the hub's answer to a question for a model, `GET /api/models/owner/name/revision/main?blobs=true`.
  /// - Throws: `HubError` saying what in the answer makes no sense. All of it is checked, since it comes from outside.
  init(_ json: JSONValue, source: String) throws(HubError) {
    func failure(_ reason: String) -> HubError {
      HubError(
        code: .badInput, message: "\(source) gave an answer that is no model's: \(reason); is HF_ENDPOINT right?")
    }
    guard let commit = json["sha"]?.string, Self.isCommit(commit) else { throw failure("it names no commit") }
    guard let siblings = json["siblings"]?.array else { throw failure("it lists no files") }
    self.commit = commit
    var files: [RemoteFile] = []
    for sibling in siblings {
      guard let path = sibling["rfilename"]?.string else { throw failure("it lists a file without a name") }
      let large = sibling["lfs"].flatMap { $0.object == nil ? nil : $0 }
      let size = large?["size"]?.integer ?? sibling["size"]?.integer
      // Without `blobs=true`, or from a server that does not know it, there is neither size nor hash.
      // The blob of a large file is not its content, but a note of where that is.
      let hash = (large.map { $0["sha256"] } ?? sibling["blobId"])?.string.flatMap { ContentHash($0) }
      guard let file = RemoteFile(path: path, size: size, hash: hash) else {
        throw failure("a file is called '\(path.prefix(200))'")
      }
      if let size, size < 0 { throw failure("\(path) has a size of \(size)") }
      files.append(file)
    }
    self.files = files
  }

  static func isCommit(_ text: String) -> Bool {
    [40, 64].contains(text.utf8.count)
      && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }
}
