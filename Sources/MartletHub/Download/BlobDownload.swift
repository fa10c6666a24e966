internal import AsyncHTTPClient
internal import NIOCore
internal import NIOHTTP1

/// Fetches one file into the cache: resumes what is there, checks what came, and only then gives it its name.
struct BlobDownload: Sendable {
  let hub: HubClient
  let folders: CacheFolders
  let disk: Disk
  let progress: PullProgress
  let repository: RepositoryName
  let commit: String
  let file: RemoteFile
  let size: Int
  let hash: ContentHash

  /// Whether the file is in the cache. Its hash was checked when it came.
  private var isHere: Bool { FileSystem.kind(folders.blob(hash)) == .file(size: size) }

  /// How many bytes of the file are in the cache.
  var bytesHere: Int {
    if isHere { return size }
    guard case .file(let partial) = FileSystem.kind(folders.partial(hash)), partial <= size else { return 0 }
    return partial
  }

  /// Fetches the file unless it is here.
  /// - Returns: how many bytes came over the network.
  /// - Throws: `HubError`, `CancellationError`. What was fetched stays for the next attempt, unless it is wrong.
  func run() async throws -> Int {
    guard !isHere else {
      progress.set(size, of: hash)
      return 0
    }
    return try await FileLock.holding(folders.lock(hash), onWait: { hub.report(.waiting(file: file.path)) }) {
      try await fetch()
    }
  }

  /// Fetches the file, while nobody else does.
  private func fetch() async throws -> Int {
    // Whoever had the lock may have brought it.
    guard !isHere else {
      progress.set(size, of: hash)
      return 0
    }
    // A part of nothing is of no use to anybody.
    defer { if FileSystem.kind(folders.partial(hash)) == .file(size: 0) { FileSystem.remove(folders.partial(hash)) } }
    var part = try PartialFile.open(
      folders.partial(hash), expected: size, hash: hash, disk: disk, onRead: { progress.set($0, of: hash) })
    let wasResumed = part.size > 0
    progress.set(part.size, of: hash)
    var fetched = try await fill(&part)
    if part.digest != hash.description, wasResumed {
      // The part that was here may be what is wrong, and the hash of a part is not known.
      try part.restart()
      fetched += try await fill(&part)
    }
    guard part.digest == hash.description else {
      let found = part.digest
      FileSystem.remove(folders.partial(hash))
      throw HubError(
        code: .badInput,
        message: "\(file.path) of \(repository.text) is not what it should be: \(hash.kind) expected \(hash), found "
          + "\(found); it was thrown away; try again, and if this stays so, \(hub.access.endpoint) or what lies between "
          + "is broken")
    }
    try part.synchronize()
    try FileSystem.rename(folders.partial(hash), to: folders.blob(hash))
    progress.set(size, of: hash)
    return fetched
  }

  /// Fetches what is missing of the file, in as many attempts as it takes.
  private func fill(_ part: inout PartialFile) async throws -> Int {
    var retries = Retries("fetching \(file.path)", hub.policy, report: hub.report)
    var version: String?
    var fetched = 0
    // How far any attempt came. What comes anew after a beginning from the start is no progress, or a server that sends
    // the same half each time would be asked forever.
    var furthest = part.size
    while part.size < size {
      let before = furthest
      do {
        try await attempt(&part, &version, &fetched)
        guard part.size < size else { break }
        throw TransientFailure(reason: "the connection ended \(ByteCount.text(size - part.size)) too early")
      } catch let failure as TransientFailure {
        // A connection that brings a little each time is allowed to go on; one that brings nothing is not.
        furthest = max(furthest, part.size)
        let hasProgress = furthest - before >= min(1 << 20, max(1, size / 16))
        try await retries.wait(after: failure, hasProgress: hasProgress)
      }
    }
    return fetched
  }

  /// One request for what is missing.
  /// - Parameter version: the server's own tag for the content, from the first answer on. It is another than the hash, so
  ///   it is only good for telling whether a later answer continues the same content.
  private func attempt(_ part: inout PartialFile, _ version: inout String?, _ fetched: inout Int) async throws {
    let address = try hub.address(of: file, repository, commit: commit)
    var headers = HTTPHeaders()
    if part.size > 0 {
      headers.add(name: "range", value: "bytes=\(part.size)-")
      // A weak tag does not promise equal bytes, so it cannot be asked for here.
      if let version, !version.hasPrefix("W/") { headers.add(name: "if-range", value: version) }
    }
    let answer = try await hub.transport.send(.GET, address, headers: headers)
    let host = answer.address.origin.host
    let tag = answer.header("etag")
    switch answer.status {
    case 206:
      let isContinuation = ContentRange(answer.header("content-range")) == .init(part.size, size)
      guard isContinuation, version == nil || tag == nil || version == tag else {
        try restart(&part, &version)
        throw TransientFailure(reason: "the server continues another content; beginning anew", retryAfter: .zero)
      }
    case 416:
      try restart(&part, &version)
      throw TransientFailure(reason: "the server cannot continue; beginning anew", retryAfter: .zero)
    case 200:
      if let length = answer.header("content-length").flatMap({ Int($0) }), length != size {
        throw HubError(
          code: .badInput,
          message: "\(host) has \(length) bytes for \(file.path) of \(repository.text), expected \(size)"
        )
      }
      // A server that does not know ranges, or has another content now, sends all of it.
      if part.size > 0 { try restart(&part, &version) }
    default:
      try hub.check(
        answer, subject: "fetching \(file.path)", .init(repository: repository, revision: commit, file: file.path))
    }
    version = tag
    var body = answer.response.body.makeAsyncIterator()
    while let chunk = try await next(&body, host: host) {
      guard chunk.readableBytes <= size - part.size else {
        FileSystem.remove(folders.partial(hash))
        throw HubError(
          code: .badInput,
          message: "\(file.path) of \(repository.text) has more than the \(size) bytes that were announced")
      }
      try part.append(chunk)
      fetched += chunk.readableBytes
      progress.set(part.size, of: hash, fetched: chunk.readableBytes)
    }
  }

  private func restart(_ part: inout PartialFile, _ version: inout String?) throws {
    try part.restart()
    version = nil
    progress.set(0, of: hash)
  }

  private func next(_ body: inout HTTPClientResponse.Body.AsyncIterator, host: String) async throws -> ByteBuffer? {
    do {
      return try await body.next()
    } catch {
      throw try HTTPTransport.failure(error, host: host)
    }
  }
}

extension PartialFile {
  fileprivate mutating func append(_ buffer: ByteBuffer) throws {
    let bytes = buffer.readableBytesView
    try bytes.withUnsafeBytes { try append($0) }
  }
}

/// A `Content-Range` header of a part that goes to the end: `bytes 200-999/1000` (RFC 9110, section 14.4).
package struct ContentRange: Equatable {
  package let start: Int
  package let total: Int

  package init(_ start: Int, _ total: Int) {
    self.start = start
    self.total = total
  }

  /// Nil if there is no header, or it says something else.
  package init?(_ header: String?) {
    guard let header, header.lowercased().hasPrefix("bytes ") else { return nil }
    let numbers = header.dropFirst(6).split(omittingEmptySubsequences: false) { $0 == "-" || $0 == "/" }.map { Int($0) }
    guard numbers.count == 3, let start = numbers[0], let end = numbers[1], let total = numbers[2] else { return nil }
    guard start >= 0, total > 0, end == total - 1, start <= end else { return nil }
    self.init(start, total)
  }
}
