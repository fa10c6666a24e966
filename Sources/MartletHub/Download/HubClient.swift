internal import AsyncHTTPClient
internal import MartletJSON
internal import NIOCore
internal import NIOHTTP1

/// The questions that are asked of the hub, each tried again while there is hope.
struct HubClient: Sendable {
  let transport: HTTPTransport
  let access: HubAccess
  let policy: RetryPolicy
  let report: @Sendable (PullEvent) -> Void

  /// How large an answer about a repository may be: 16 MiB are some 60,000 files.
  private static let answerLimit = 16 << 20

  /// The files of a revision: a branch, a tag or a commit.
  func revision(_ revision: String, of repository: RepositoryName) async throws -> RemoteRevision {
    let path = "/api/models/\(repository.text)/revision/\(WebAddress.percentEncoded(revision))?blobs=true"
    let address = try address(path)
    let subject = "asking \(access.endpoint) for \(repository.text)"
    let bytes = try await retrying(subject, isFirstContact: true) {
      let answer = try await transport.send(.GET, address)
      try check(answer, subject: subject, .init(repository: repository, revision: revision))
      do {
        return Array(try await answer.response.body.collect(upTo: Self.answerLimit).readableBytesView)
      } catch is NIOTooManyBytesError {
        throw HubError(
          code: .badInput,
          message: "\(access.endpoint) lists \(repository.text) in more than \(Self.answerLimit >> 20) MB")
      } catch {
        throw try HTTPTransport.failure(error, host: answer.address.origin.host)
      }
    }
    let json: JSONValue
    do {
      json = try JSONValue(parsing: bytes)
    } catch {
      throw HubError(
        code: .badInput,
        message: "\(access.endpoint) gave an answer that is not JSON (\(error)); is HF_ENDPOINT right?")
    }
    return try RemoteRevision(json, source: access.endpoint)
  }

  /// The file with its size and hash, asked for where the listing left them out.
  func completed(_ file: RemoteFile, of repository: RepositoryName, commit: String) async throws -> RemoteFile {
    guard file.size == nil || file.hash == nil else { return file }
    let address = try self.address(of: file, repository, commit: commit)
    let subject = "asking \(access.endpoint) for \(file.path)"
    return try await retrying(subject) {
      // Behind a redirect to another server, headers are that server's. The hub tells what it links to.
      let answer = try await transport.send(.HEAD, address, redirects: .sameOrigin)
      let isRedirect = (300..<400).contains(answer.status)
      if !isRedirect {
        try check(answer, subject: subject, .init(repository: repository, revision: commit, file: file.path))
      }
      var file = file
      let length = isRedirect ? nil : answer.header("content-length")
      file.size = (answer.header("x-linked-size") ?? length).flatMap { Int($0) }
      file.hash = (answer.header("x-linked-etag") ?? answer.header("etag")).flatMap { ContentHash(etag: $0) }
      return file
    }
  }

  /// Where a file is fetched from.
  func address(of file: RemoteFile, _ repository: RepositoryName, commit: String) throws(HubError) -> WebAddress {
    let path = file.path.split(separator: "/").map { WebAddress.percentEncoded($0) }.joined(separator: "/")
    return try address("/\(repository.text)/resolve/\(commit)/\(path)")
  }

  private func address(_ path: String) throws(HubError) -> WebAddress {
    guard let address = WebAddress(access.endpoint + path) else {
      throw HubError(code: .usage, message: "'\(access.endpoint + path)' is no address; is HF_ENDPOINT right?")
    }
    return address
  }

  /// Runs `attempt` until it succeeds, fails for good, or has failed too often.
  /// - Parameter isFirstContact: whether nothing came from the hub yet. If it cannot be reached then, that will hardly
  ///   change while somebody waits for it.
  private func retrying<Result: Sendable>(
    _ subject: String, isFirstContact: Bool = false, _ attempt: () async throws -> Result
  ) async throws -> Result {
    var retries = Retries(subject, policy, report: report)
    while true {
      do {
        return try await attempt()
      } catch let failure as TransientFailure {
        guard !isFirstContact || !failure.isUnreachable else {
          throw HubError(
            code: .unavailable,
            message:
              "\(subject) failed: \(failure.reason); is there a network, and are HF_ENDPOINT and HTTPS_PROXY right?")
        }
        try await retries.wait(after: failure)
      }
    }
  }

  /// What a request was about.
  struct Subject {
    let repository: RepositoryName
    let revision: String
    var file: String?
  }

  /// Throws for an answer that is not what was asked for: ``TransientFailure`` if asking again may help.
  func check(_ answer: HTTPTransport.Answer, subject: String, _ about: Subject) throws {
    let status = answer.status
    guard !(200..<300).contains(status) else { return }
    let code = answer.header("x-error-code") ?? ""
    let said = answer.header("x-error-message").map { " (it says: \($0.prefix(200)))" } ?? ""
    let name = about.repository.text
    func failure(_ code: HubError.Code, _ text: String) -> HubError { HubError(code: code, message: text + said) }
    switch status {
    // From 520 on it is Cloudflare that does not reach the server behind it.
    case 408, 425, 429, 500, 502, 503, 504, 520...524:
      throw TransientFailure(
        reason: "\(answer.address.origin.host) answers \(status)\(said)",
        retryAfter: answer.header("retry-after").flatMap { RetryPolicy.wait(retryAfter: $0) })
    case _ where !answer.isFromHub:
      throw failure(.unavailable, "\(answer.address.origin.host) answers \(status) to \(subject)")
    case 401 where access.token == nil:
      throw failure(
        .unavailable,
        "\(access.endpoint) does not show \(name) to everyone: there is none of this name, or it is private or gated, "
          + "and then HF_TOKEN must hold a token that may read it")
    case 401:
      throw failure(
        .unavailable,
        "\(access.endpoint) does not accept the token for \(name); is the one in \(access.tokenSource) still valid?")
    case 403:
      let remedy =
        access.token == nil
        ? "set HF_TOKEN to the token of an account that may"
        : "the account of the token in \(access.tokenSource) may not"
      throw failure(
        .unavailable,
        "\(access.endpoint) refuses access to \(name): \(remedy); for a gated model, first accept its conditions at "
          + "\(access.endpoint)/\(name)")
    case 404 where code == "RevisionNotFound":
      throw failure(.notFound, "\(name) has no revision '\(about.revision)' at \(access.endpoint)")
    case 404:
      let what = about.file.map { "\($0) in \(name)" } ?? "model \(name)"
      throw failure(.notFound, "there is no \(what) at \(access.endpoint)")
    default:
      throw failure(.unavailable, "\(access.endpoint) answers \(status) to \(subject)")
    }
  }
}
