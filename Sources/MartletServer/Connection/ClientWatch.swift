internal import HTTPTypes
internal import NIOCore
internal import NIOHTTPTypes

/// Watches one connection: tells when its client goes away, and closes it when the client is too slow to send a request or
/// to read an answer. Lives on the connection's event loop.
final class ClientWatch: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  /// How long a client may take.
  struct Patience: Sendable {
    /// To begin a request, on a new connection or after an answer.
    var idle: TimeAmount
    /// To send a request, from its head to its end.
    var request: TimeAmount
    /// To read what was written, when the connection takes no more.
    var reading: TimeAmount
  }

  private let patience: Patience
  private var isGone = false
  private var onLoss: [@Sendable () -> Void] = []
  private var requestTimer: Scheduled<Void>?
  /// Requests that have begun and are not answered whole.
  private var openCount = 0
  /// Whether a request has begun that has not come whole: an answer may end before.
  private var isReceiving = false
  private var readingTimer: Scheduled<Void>?

  init(_ patience: Patience) { self.patience = patience }

  /// Calls `action` when the client of `channel` goes away, at once if it has gone. The next answer's end forgets it.
  static func onLoss(of channel: any Channel, _ action: @escaping @Sendable () -> Void) {
    channel.eventLoop.execute {
      guard let watch = try? channel.pipeline.syncOperations.handler(type: ClientWatch.self) else {
        if !channel.isActive { action() }
        return
      }
      if watch.isGone { action() } else { watch.onLoss.append(action) }
    }
  }

  func handlerAdded(context: ChannelHandlerContext) {
    if context.channel.isActive { expect(within: patience.idle, context) }
  }

  func channelActive(context: ChannelHandlerContext) {
    expect(within: patience.idle, context)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    requestTimer?.cancel()
    readingTimer?.cancel()
    lose()
    context.fireChannelInactive()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    // A client that closes its side has gone: none of the protocol's clients does so before the answer.
    if case ChannelEvent.inputClosed? = event as? ChannelEvent { lose() }
    context.fireUserInboundEventTriggered(event)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head:
      openCount += 1
      isReceiving = true
      expect(within: patience.request, context)
    case .end:
      isReceiving = false
      requestTimer?.cancel()
      expectNext(context)
    case .body: break
    }
    context.fireChannelRead(data)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if case .end = unwrapOutboundIn(data) {
      onLoss = []
      openCount -= 1
      expectNext(context)
    }
    context.write(data, promise: promise)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    readingTimer?.cancel()
    readingTimer = nil
    if !context.channel.isWritable { readingTimer = close(after: patience.reading, context) }
    context.fireChannelWritabilityChanged()
  }

  /// Waits for the next request once the last one has come whole and has its answer.
  private func expectNext(_ context: ChannelHandlerContext) {
    if openCount <= 0, !isReceiving { expect(within: patience.idle, context) }
  }

  private func expect(within time: TimeAmount, _ context: ChannelHandlerContext) {
    requestTimer?.cancel()
    requestTimer = close(after: time, context)
  }

  private func close(after time: TimeAmount, _ context: ChannelHandlerContext) -> Scheduled<Void> {
    let channel = context.channel
    return context.eventLoop.scheduleTask(in: time) { channel.close(promise: nil) }
  }

  private func lose() {
    isGone = true
    let actions = onLoss
    onLoss = []
    for action in actions { action() }
  }
}
