import NIOCore
import NIOHTTP1

/// What a server says to a request.
struct HubAnswer: Sendable {
  enum Ending: Sendable {
    case whole
    /// The connection breaks after so many bytes of the body.
    case broken(after: Int)
    /// The connection stays open, but no more than so many bytes come.
    case stalled(after: Int)
    /// The body comes in chunks, without a word on the length.
    case chunked
  }

  var status: Int
  var headers: [String: String]
  var body: [UInt8]
  var ending = Ending.whole
}

/// One connection to the imitated hub.
final class HubHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let answer: (HTTPRequestHead) -> HubAnswer?
  private var head: HTTPRequestHead?

  init(_ answer: @escaping (HTTPRequestHead) -> HubAnswer?) { self.answer = answer }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head): self.head = head
    case .body: break
    case .end:
      guard let head, let answer = answer(head) else { return context.close(promise: nil) }
      send(answer, to: head, context)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private func send(_ answer: HubAnswer, to request: HTTPRequestHead, _ context: ChannelHandlerContext) {
    var headers = HTTPHeaders(answer.headers.map { ($0.key, $0.value) })
    var body = answer.body[...]
    switch answer.ending {
    case .whole: headers.add(name: "content-length", value: "\(body.count)")
    case .broken(let count), .stalled(let count):
      headers.add(name: "content-length", value: "\(body.count)")
      body = body.prefix(count)
    case .chunked: break
    }
    let head = HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status), headers: headers)
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    // In pieces, as it comes through a network.
    while request.method != .HEAD, !body.isEmpty {
      context.write(
        wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: body.prefix(16_384))))), promise: nil)
      body = body.dropFirst(16_384)
    }
    switch answer.ending {
    case .whole, .chunked: context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    case .stalled: context.flush()
    case .broken:
      let channel = context.channel
      let written = context.eventLoop.makePromise(of: Void.self)
      written.futureResult.whenComplete { _ in channel.close(promise: nil) }
      context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer()))), promise: written)
    }
  }
}
