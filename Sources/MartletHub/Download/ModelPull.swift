/// Brings models from the hub into the Hugging Face cache of this machine.
package struct ModelPull: Sendable {
  private let environment: HubEnvironment
  private let access: HubAccess
  private let policy: RetryPolicy
  private let disk: Disk
  private let report: @Sendable (PullEvent) -> Void

  /// Files that are fetched at the same time: latency is what small ones cost, and a server often limits one connection.
  private static let parallelFiles = 4

  /// - Parameter report: called with what happens, from any thread.
  package init(
    environment: HubEnvironment, access: HubAccess, policy: RetryPolicy = RetryPolicy(), disk: Disk = Disk(),
    report: @escaping @Sendable (PullEvent) -> Void = { _ in }
  ) {
    self.environment = environment
    self.access = access
    self.policy = policy
    self.disk = disk
    self.report = report
  }

  /// Fetches what is missing of a model.
  ///
  /// The model's name leads to the new files when all of them are here and checked, and not before: a download that is
  /// interrupted changes nothing but to leave its parts, with which the next one goes on.
  /// - Parameters:
  ///   - name: `owner/name`, with a revision or a file behind it if wanted (see ``ModelName``).
  ///   - revision: a branch, a tag or a commit; `main` unless the name has one.
  ///   - patterns: names of the files that are wanted instead of those that are needed, with `*` and `?`.
  /// - Throws: `HubError`; `CancellationError` if the task was cancelled.
  package func pull(
    _ name: String, revision: String? = nil, files patterns: [String] = []
  ) async throws -> PulledModel {
    let wanted = try wanted(name, revision, patterns)
    let (repository, revision) = (wanted.repository, wanted.revision ?? "main")
    let patterns = wanted.file.map { [$0] } ?? patterns
    guard let cache = environment.huggingFaceCache else {
      throw HubError(
        code: .usage, message: "there is no folder to put \(name) into: neither HOME nor HF_HOME is set")
    }
    if let variable = access.offlineVariable {
      let isHere = (try? ModelLocator(environment: environment).locate(wanted, needsWeights: true)) != nil
      throw HubError(
        code: .unavailable,
        message: "\(variable) is set, so nothing is fetched; \(wanted.text) is \(isHere ? "" : "not ")on this machine")
    }
    return try await HTTPTransport.with(access) { transport in
      let hub = HubClient(transport: transport, access: access, policy: policy, report: report)
      let remote = try await hub.revision(revision, of: repository)
      let job = Job(
        pull: self, hub: hub, repository: repository, remote: remote,
        folders: CacheFolders(cache: cache, repository: repository), progress: PullProgress(report: report))
      let selection = try FileSelection.choose(remote.files, patterns: patterns, of: repository)
      if patterns.isEmpty, let warning = FileSelection.warning(remote.files, of: repository) {
        report(.warning(warning))
      }
      return try await job.run(revision, selection)
    }
  }

  /// What is asked for, put together from a name and options.
  private func wanted(_ name: String, _ revision: String?, _ patterns: [String]) throws(HubError) -> ModelName {
    guard var wanted = ModelName(name) else {
      throw HubError(
        code: .usage, message: "'\(name)' is no name of a model on the hub; it is written owner/name" + Self.hint(name))
    }
    if let revision {
      guard ModelName.isRevision(revision) else {
        throw HubError(code: .usage, message: "'\(revision)' is no revision: give a branch, a tag or a commit")
      }
      guard wanted.revision == nil || wanted.revision == revision else {
        throw HubError(code: .usage, message: "\(name) names another revision than --revision \(revision)")
      }
      wanted.revision = revision
    }
    guard wanted.file == nil || patterns.isEmpty else {
      throw HubError(code: .usage, message: "\(name) names a file, so --file cannot choose others")
    }
    return wanted
  }

  /// What somebody may have meant who gave the address of a model's page, or a name without its owner.
  private static func hint(_ name: String) -> String {
    guard let scheme = name.firstRange(of: "://") else {
      return name.contains("/") ? "" : ", such as Qwen/Qwen3-0.6B"
    }
    let path = name[scheme.upperBound...].prefix { $0 != "?" && $0 != "#" }.split(separator: "/").dropFirst()
    let repository = path.prefix(2).joined(separator: "/")
    return RepositoryName(repository) == nil ? "" : "; did you mean '\(repository)'?"
  }

  /// One download, when it is known what the repository holds.
  private struct Job {
    let pull: ModelPull
    let hub: HubClient
    let repository: RepositoryName
    let remote: RemoteRevision
    let folders: CacheFolders
    let progress: PullProgress

    func run(_ revision: String, _ selection: FileSelection) async throws -> PulledModel {
      var downloads: [BlobDownload]
      var fetched = 0
      switch selection {
      case .files(let files):
        downloads = try await prepare(files)
        fetched = try await fetch(downloads)
      case .indexed(let small, let index):
        let first = try await prepare(small + [index])
        fetched = try await fetch(first)
        let shards = try FileSelection.shards(try weights(first.last), among: remote.files, of: repository)
        let rest = try await prepare(shards)
        fetched += try await fetch(rest)
        downloads = first + rest
      }
      try publish(downloads, revision)
      let snapshot = folders.snapshot(remote.commit)
      let isOneModel = downloads.count == 1 && ModelContents.isGGUF(downloads[0].file.path)
      return PulledModel(
        name: repository.text, revision: revision, commit: remote.commit,
        path: isOneModel ? snapshot + "/" + downloads[0].file.path : snapshot,
        files: downloads.map { .init(path: $0.file.path, size: $0.size) }, fetchedBytes: fetched)
    }

    /// Finds out the sizes and hashes, and whether there is room.
    private func prepare(_ files: [RemoteFile]) async throws -> [BlobDownload] {
      var downloads: [BlobDownload] = []
      for file in files {
        let file = try await hub.completed(file, of: repository, commit: remote.commit)
        guard let size = file.size, size >= 0, let hash = file.hash else {
          throw HubError(
            code: .badInput,
            message:
              "\(hub.access.endpoint) tells no \(file.size == nil ? "size" : "hash") of \(file.path), without which "
              + "it cannot be checked; is HF_ENDPOINT right?")
        }
        downloads.append(
          BlobDownload(
            hub: hub, folders: folders, disk: pull.disk, progress: progress, repository: repository,
            commit: remote.commit, file: file, size: size, hash: hash))
      }
      try folders.create()
      try checkRoom(for: downloads)
      return downloads
    }

    private func checkRoom(for downloads: [BlobDownload]) throws(HubError) {
      var sizes: [ContentHash: (all: Int, missing: Int)] = [:]
      for download in downloads { sizes[download.hash] = (download.size, download.size - download.bytesHere) }
      var (all, missing) = (0, 0)
      for size in sizes.values {
        let sums = (all.addingReportingOverflow(size.all), missing.addingReportingOverflow(size.missing))
        guard !sums.0.overflow, !sums.1.overflow else {
          throw HubError(code: .badInput, message: "\(repository.text) claims more bytes than there can be")
        }
        (all, missing) = (sums.0.partialValue, sums.1.partialValue)
      }
      if let free = pull.disk.freeBytes(folders.root), free < missing {
        throw HubError(
          code: .inputOutput,
          message: "\(folders.root) has room for \(ByteCount.text(free)), but \(repository.text) needs "
            + "\(ByteCount.text(missing)): \(ByteCount.text(missing - free)) are missing; make room or set HF_HOME to "
            + "another disk")
      }
      progress.expect(all)
    }

    /// Fetches the files, some at a time.
    /// - Returns: how many bytes came over the network.
    private func fetch(_ downloads: [BlobDownload]) async throws -> Int {
      // Files of equal content are one blob.
      var blobs = Set<ContentHash>()
      let downloads = downloads.filter { blobs.insert($0.hash).inserted }
      return try await withThrowingTaskGroup(of: Int.self) { group in
        var waiting = downloads.makeIterator()
        for _ in 0..<ModelPull.parallelFiles {
          guard let download = waiting.next() else { break }
          group.addTask { try await download.run() }
        }
        var fetched = 0
        while let bytes = try await group.next() {
          fetched += bytes
          if let download = waiting.next() { group.addTask { try await download.run() } }
        }
        return fetched
      }
    }

    /// The files that the index of the weights names.
    private func weights(_ index: BlobDownload?) throws(HubError) -> [String] {
      guard let index else { return [] }
      do {
        return try WeightIndex.files(at: folders.blob(index.hash))
      } catch {
        throw HubError(
          code: .badInput,
          message: "\(index.file.path) of \(repository.text) is no index of weights: \(error.reason)")
      }
    }

    /// Gives the files their names.
    private func publish(_ downloads: [BlobDownload], _ revision: String) throws(HubError) {
      for download in downloads { try folders.link(download.file.path, of: remote.commit, to: download.hash) }
      for name in FileSelection.small where !remote.files.contains(where: { $0.path == name }) {
        try folders.noteAbsence(of: name, in: remote.commit)
      }
      try folders.setReference(revision, to: remote.commit)
    }
  }
}

/// A model that was brought from the hub, or was here already.
package struct PulledModel: Sendable, Equatable {
  package struct File: Sendable, Equatable {
    package let path: String
    /// In bytes.
    package let size: Int
  }

  /// `owner/name`.
  package let name: String
  package let revision: String
  /// The commit that the revision was.
  package let commit: String
  /// The folder of the files, or the file of a model that is one.
  package let path: String
  package let files: [File]
  /// How many bytes came over the network: the others were here.
  package let fetchedBytes: Int

  /// All files, in bytes.
  package var size: Int { files.reduce(0) { $0 + $1.size } }
}
