import Crypto
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A server that answers as the Hugging Face hub does, with one repository, and fails as it is told to.
///
/// It has two addresses: the hub itself, and the store to which it sends clients for large files.
package final class HubImitation: Sendable {
  /// A file of the repository.
  package struct File: Sendable {
    package let path: String
    package let content: [UInt8]
    /// Whether it lies in the store.
    package let isLarge: Bool

    package init(_ path: String, _ content: some Sequence<UInt8>, isLarge: Bool = false) {
      self.path = path
      self.content = Array(content)
      self.isLarge = isLarge
    }

    package init(_ path: String, _ text: String) { self.init(path, text.utf8) }

    package var sha256: String { SHA256.hash(data: content).map { String(format: "%02x", $0) }.joined() }

    package var gitHash: String {
      Insecure.SHA1.hash(data: Array("blob \(content.count)\0".utf8) + content).map { String(format: "%02x", $0) }
        .joined()
    }

    /// The name of its blob in the cache.
    package var blob: String { isLarge ? sha256 : gitHash }
  }

  /// Where a request goes.
  package enum Place: Hashable, Sendable {
    /// The question what a repository holds.
    case listing
    /// A file's address at the hub.
    case file(String)
    /// A large file's address at the store.
    case store(String)
  }

  /// What is wrong with one answer.
  package enum Trouble: Sendable {
    case status(Int, [String: String] = [:])
    /// The connection ends when this many bytes of the body are sent.
    case breakAfter(Int)
    /// Nothing more comes after this many bytes.
    case stallAfter(Int)
    /// The whole file comes, whatever part was asked for.
    case ignoreRange
    /// The body, instead of the right one.
    case body([UInt8])
    /// The tag of the content, as if there were another.
    case tag(String)
    /// A range that says it begins one byte later.
    case shiftedRange
    case redirect(String)
    /// The first bytes of the body, in chunks without a word on the length, and a proper end.
    case chunked(first: Int)
    /// Two at once.
    indirect case both(Trouble, Trouble)
    case none

    fileprivate var parts: [Trouble] { if case .both(let a, let b) = self { a.parts + b.parts } else { [self] } }
  }

  package struct Request: Sendable {
    package let method: String
    package let uri: String
    package let place: Place?
    /// With names in small letters.
    package let headers: [String: String]
  }

  private struct State {
    var files: [File]
    var troubles: [Place: [Trouble]] = [:]
    var lasting: [Place: Trouble] = [:]
    var requests: [Request] = []
    var listing: String?
    var listsHashes = true
  }

  package static let commit = "0123456789abcdef0123456789abcdef01234567"
  package let repository: String
  private let state: Mutex<State>
  private let hub: any Channel
  private let store: any Channel

  /// Starts the server.
  /// - Parameter repository: the only one that it has.
  package static func start(_ repository: String = "owner/name", _ files: [File]) async throws -> HubImitation {
    let box = HandlerBox()
    func bind(isStore: Bool) async throws -> any Channel {
      try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .childChannelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.configureHTTPServerPipeline(
              // Some servers say in headers what no header may hold.
              withPipeliningAssistance: false, withOutboundHeaderValidation: false)
            try channel.pipeline.syncOperations.addHandler(HubHandler { box.server?.answer($0, isStore: isStore) })
          }
        }
        .bind(host: "127.0.0.1", port: 0).get()
    }
    let server = HubImitation(repository, files, try await bind(isStore: false), try await bind(isStore: true))
    box.set(server)
    return server
  }

  private init(_ repository: String, _ files: [File], _ hub: any Channel, _ store: any Channel) {
    self.repository = repository
    state = Mutex(State(files: files))
    self.hub = hub
    self.store = store
  }

  deinit {
    hub.close(promise: nil)
    store.close(promise: nil)
  }

  package var address: String { "http://127.0.0.1:\(hub.localAddress?.port ?? 0)" }
  package var storeAddress: String { "http://127.0.0.1:\(store.localAddress?.port ?? 0)" }

  /// What the next answers at a place have wrong, in order; further ones are right.
  package func next(_ place: Place, _ troubles: Trouble...) {
    state.withLock { $0.troubles[place, default: []] += troubles }
  }

  /// What all answers at a place have wrong.
  package func always(_ place: Place, _ trouble: Trouble) { state.withLock { $0.lasting[place] = trouble } }

  /// Makes all answers right again.
  package func heal() {
    state.withLock {
      $0.troubles = [:]
      $0.lasting = [:]
    }
  }

  /// Another body for the question what the repository holds.
  package func setListing(_ text: String) { state.withLock { $0.listing = text } }

  /// Leaves sizes and hashes out of the listing, as servers do that do not know `blobs=true`.
  package func listNamesOnly() { state.withLock { $0.listsHashes = false } }

  /// All requests up to now, in order.
  package var requests: [Request] { state.withLock(\.requests) }

  package func requests(_ place: Place) -> [Request] { requests.filter { $0.place == place } }

  package func forgetRequests() { state.withLock { $0.requests = [] } }

  // MARK: Answers

  private func answer(_ head: HTTPRequestHead, isStore: Bool) -> HubAnswer {
    let place = place(head.uri, isStore: isStore)
    let trouble = state.withLock { state -> Trouble in
      state.requests.append(
        Request(
          method: head.method.rawValue, uri: head.uri, place: place,
          headers: Dictionary(head.headers.map { ($0.name.lowercased(), $0.value) }) { first, _ in first }))
      guard let place else { return .none }
      if state.troubles[place]?.isEmpty == false, let trouble = state.troubles[place]?.removeFirst() { return trouble }
      return state.lasting[place] ?? .none
    }
    switch trouble {
    case .status(let status, let headers):
      return HubAnswer(status: status, headers: headers, body: Array("trouble".utf8))
    case .redirect(let location): return HubAnswer(status: 307, headers: ["location": location], body: [])
    default: break
    }
    switch place {
    case nil: return HubAnswer(status: 404, headers: ["x-error-code": "RepoNotFound"], body: [])
    case .listing: return content(Array(listing.utf8), tag: "\"listing\"", head, trouble)
    case .file(let path):
      guard let file = file(path) else {
        return HubAnswer(status: 404, headers: ["x-error-code": "EntryNotFound"], body: [])
      }
      var answer = content(file.content, tag: "\"\(file.gitHash)\"", head, trouble)
      if file.isLarge {
        answer = HubAnswer(
          status: 302, headers: ["location": "\(storeAddress)/store/\(path)?signature=a%2Bb"], body: [])
        answer.headers["x-linked-etag"] = "\"\(file.sha256)\""
        answer.headers["x-linked-size"] = "\(file.content.count)"
      }
      answer.headers["x-repo-commit"] = Self.commit
      return answer
    case .store(let path):
      guard let file = file(path) else { return HubAnswer(status: 403, headers: [:], body: []) }
      return content(file.content, tag: "\"store-\(file.content.count)\"", head, trouble)
    }
  }

  private func place(_ uri: String, isStore: Bool) -> Place? {
    let path = (uri.prefix { $0 != "?" }).removingPercentEncoding ?? ""
    func rest(_ prefix: String) -> String? { path.hasPrefix(prefix) ? String(path.dropFirst(prefix.count)) : nil }
    if isStore { return rest("/store/").map { .store($0) } }
    if rest("/api/models/\(repository)/revision/") != nil { return .listing }
    return (rest("/\(repository)/resolve/\(Self.commit)/") ?? rest("/\(repository)/resolve/main/")).map { .file($0) }
  }

  private func file(_ path: String) -> File? { state.withLock { $0.files.first { $0.path == path } } }

  /// The content, or the part of it that is asked for.
  private func content(_ whole: [UInt8], tag: String, _ head: HTTPRequestHead, _ trouble: Trouble) -> HubAnswer {
    var body = whole
    var tag = tag
    for case .body(let other) in trouble.parts { body = other }
    for case .tag(let other) in trouble.parts { tag = other }
    var answer = HubAnswer(status: 200, headers: ["etag": tag], body: body)
    let condition = head.headers.first(name: "if-range")
    var isRanged = condition == nil || condition == tag
    for case .ignoreRange in trouble.parts { isRanged = false }
    if isRanged, let range = head.headers.first(name: "range"), let start = Int(range.dropFirst(6).dropLast()) {
      guard start < body.count else { return HubAnswer(status: 416, headers: [:], body: []) }
      var first = start
      for case .shiftedRange in trouble.parts { first += 1 }
      answer = HubAnswer(status: 206, headers: ["etag": tag], body: Array(body[start...]))
      answer.headers["content-range"] = "bytes \(first)-\(body.count - 1)/\(body.count)"
    }
    for trouble in trouble.parts {
      switch trouble {
      case .breakAfter(let count): answer.ending = .broken(after: count)
      case .stallAfter(let count): answer.ending = .stalled(after: count)
      case .chunked(let count):
        answer.body = Array(answer.body.prefix(count))
        answer.ending = .chunked
      default: break
      }
    }
    return answer
  }

  private var listing: String {
    let (files, other, listsHashes) = state.withLock { ($0.files, $0.listing, $0.listsHashes) }
    if let other { return other }
    let siblings = files.map { file -> [String: Any] in
      var entry: [String: Any] = ["rfilename": file.path]
      guard listsHashes else { return entry }
      entry["size"] = file.content.count
      entry["blobId"] = file.isLarge ? String(repeating: "0", count: 40) : file.gitHash
      if file.isLarge { entry["lfs"] = ["sha256": file.sha256, "size": file.content.count, "pointerSize": 134] }
      return entry
    }
    let object: [String: Any] = ["id": repository, "sha": Self.commit, "siblings": siblings]
    let data = (try? JSONSerialization.data(withJSONObject: object)) ?? Data()
    return String(decoding: data, as: UTF8.self)
  }
}

/// Leads from a connection to its server, which is not there yet when the address is bound, and does not keep it alive.
private final class HandlerBox: Sendable {
  private struct Reference: Sendable {
    weak var server: HubImitation?
  }
  private let reference = Mutex(Reference())

  func set(_ server: HubImitation) { reference.withLock { $0.server = server } }

  var server: HubImitation? { reference.withLock(\.server) }
}
