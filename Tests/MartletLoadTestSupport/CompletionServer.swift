import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A server with OpenAI's API that answers as it is told to, and remembers what it was asked.
package final class CompletionServer: Sendable {
  /// What comes for one request.
  package enum Reply: Sendable {
    /// A whole answer: so many parts of text, with a pause before each, and then how the stream ends.
    case answer(parts: Int, pause: Duration = .zero, ending: Ending = .done)
    case status(Int, String)
    /// The connection ends without an answer.
    case hangUp
    case body(String)
  }

  package enum Ending: Sendable {
    case done
    /// The stream ends, but not properly.
    case cut
    case failure(String)
    /// Nothing more comes.
    case silence
  }

  package struct Request: Sendable {
    package let path: String
    package let authorization: String?
    package let body: [UInt8]
    /// Since the server began.
    package let time: Duration

    package func json() throws -> [String: Any] {
      try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any] ?? [:]
    }
  }

  /// How the server counts: so many tokens for a template, and so many for a word. Nil for a server that does not count.
  package let counts: (fixed: Int, perWord: Int)?

  private struct State {
    var replies: [Reply] = []
    var usual = Reply.answer(parts: 4)
    var requests: [Request] = []
    var running = 0
    var peak = 0
  }

  private let state = Mutex(State())
  private let channel: any Channel
  private let began = ContinuousClock.now

  package static func start(counts: (fixed: Int, perWord: Int)? = (20, 1)) async throws -> CompletionServer {
    let box = Box()
    let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .serverChannelOption(.backlog, value: 1024)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(CompletionHandler(box))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    let server = CompletionServer(channel, counts)
    box.server.withLock { $0 = Weak(server: server) }
    return server
  }

  private init(_ channel: any Channel, _ counts: (fixed: Int, perWord: Int)?) {
    self.channel = channel
    self.counts = counts
  }

  deinit { channel.close(promise: nil) }

  package var address: String { "http://127.0.0.1:\(channel.localAddress?.port ?? 0)" }

  /// What every request gets whose turn in `replies` has passed. The first two requests find out how long words are.
  package func reply(_ usual: Reply, after replies: [Reply] = []) {
    state.withLock { ($0.usual, $0.replies) = (usual, replies) }
  }

  /// The requests for completions, without the two that find out how long words are.
  package var requests: [Request] { Array(state.withLock { $0.requests }.dropFirst(2)) }
  package var allRequests: [Request] { state.withLock { $0.requests } }
  /// The most requests at a time.
  package var peak: Int { state.withLock { $0.peak } }

  fileprivate func begin(_ head: HTTPRequestHead, _ body: [UInt8]) -> Reply {
    state.withLock { state in
      state.requests.append(
        Request(
          path: head.uri, authorization: head.headers.first(name: "authorization"), body: body,
          time: .now - began))
      state.running += 1
      state.peak = max(state.peak, state.running)
      guard state.requests.count > 2 else { return .answer(parts: 1) }
      return state.replies.isEmpty ? state.usual : state.replies.removeFirst()
    }
  }

  fileprivate func end() { state.withLock { $0.running -= 1 } }

  fileprivate final class Box: Sendable {
    let server = Mutex(Weak(server: nil))
  }

  fileprivate struct Weak: Sendable {
    weak var server: CompletionServer?
  }
}

/// One connection. It belongs to its event loop.
private final class CompletionHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let box: CompletionServer.Box
  private var head: HTTPRequestHead?
  private var body: [UInt8] = []

  init(_ box: CompletionServer.Box) { self.box = box }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): (self.head, body) = (head, [])
    case .body(let buffer): body += buffer.readableBytesView
    case .end:
      guard let head, let server = box.server.withLock({ $0.server }) else { return context.close(promise: nil) }
      answer(head, server, context)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func answer(_ head: HTTPRequestHead, _ server: CompletionServer, _ context: ChannelHandlerContext) {
    guard head.uri.hasSuffix("completions") else {
      return send(200, #"{"object":"list","data":[{"id":"the-model","object":"model"}]}"#, context)
    }
    let request = (try? JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]) ?? [:]
    switch server.begin(head, body) {
    case .hangUp:
      server.end()
      context.close(promise: nil)
    case .status(let code, let message):
      server.end()
      send(code, #"{"error":{"message":"\#(message)","type":"server_error"}}"#, context)
    case .body(let text):
      server.end()
      send(200, text, context)
    case .answer(let parts, let pause, let ending):
      let text =
        request["prompt"] as? String ?? ((request["messages"] as? [[String: Any]])?.last?["content"] as? String) ?? ""
      let usage = server.counts.map {
        let prompt = $0.fixed + $0.perWord * text.split(separator: " ").count
        return
          #"{"prompt_tokens":\#(prompt),"completion_tokens":\#(parts),"prompt_tokens_details":{"cached_tokens":5}}"#
      }
      guard request["stream"] as? Bool == true else {
        server.end()
        let choice = #"{"index":0,"message":{"content":"a"},"text":"a","finish_reason":"stop"}"#
        return send(200, #"{"choices":[\#(choice)]\#(usage.map { #","usage":\#($0)"# } ?? "")}"#, context)
      }
      let headers: HTTPHeaders = ["content-type": "text/event-stream"]
      context.writeAndFlush(
        wrapOutboundOut(.head(.init(version: .http1_1, status: .ok, headers: headers))), promise: nil)
      event(#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"text":""}]}"#, context)
      stream(parts, pause, ending, usage, server, context)
    }
  }

  /// Writes the rest of a stream, part by part.
  private func stream(
    _ parts: Int, _ pause: Duration, _ ending: CompletionServer.Ending, _ usage: String?, _ server: CompletionServer,
    _ context: ChannelHandlerContext
  ) {
    let loopBound = NIOLoopBound(context, eventLoop: context.eventLoop)
    let handler = NIOLoopBound(self, eventLoop: context.eventLoop)
    guard parts > 0 else {
      server.end()
      switch ending {
      case .silence: return
      case .cut: return context.close(promise: nil)
      case .failure(let message): event(#"{"error":{"message":"\#(message)"}}"#, context)
      case .done:
        event(#"{"choices":[{"index":0,"delta":{},"text":"","finish_reason":"stop"}]}"#, context)
        if let usage { event(#"{"choices":[],"usage":\#(usage)}"#, context) }
        event("[DONE]", context)
      }
      return context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
    context.eventLoop.scheduleTask(in: .nanoseconds(Int64(pause / .nanoseconds(1)))) {
      handler.value.event(#"{"choices":[{"index":0,"delta":{"content":"a"},"text":"a"}]}"#, loopBound.value)
      handler.value.stream(parts - 1, pause, ending, usage, server, loopBound.value)
    }
  }

  private func event(_ data: String, _ context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "data: \(data)\n\n")))), promise: nil)
  }

  private func send(_ status: Int, _ text: String, _ context: ChannelHandlerContext) {
    let headers: HTTPHeaders = ["content-type": "application/json", "content-length": "\(text.utf8.count)"]
    context.write(
      wrapOutboundOut(.head(.init(version: .http1_1, status: .init(statusCode: status), headers: headers))),
      promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
  }
}
