/// Why a request was refused. No refused request has changed anything in the engine.
public enum RequestError: Error, Equatable, CustomStringConvertible {
  /// A field's value is outside its range.
  case outOfRange(field: String, found: String, expected: String)
  /// A list or text that must not be empty is.
  case empty(field: String)
  /// A token id that the model's vocabulary does not have.
  case unknownToken(field: String, token: Int32, vocabularySize: Int)
  /// An adapter that is not loaded.
  case unknownAdapter(name: String, loaded: [String])
  /// The prompt and one token more exceed the model's context.
  case exceedsContext(promptTokens: Int, contextLength: Int)
  /// The prompt and one token more exceed the whole KV cache.
  case exceedsCache(promptTokens: Int, cacheTokens: Int)
  /// As many requests wait as may. `position` is where this one would have stood in the queue, from 1; the wait is unknown
  /// until the engine has ended some requests.
  case queueFull(position: Int, estimatedWait: Duration?)
  /// So many requests of the same tenant wait as it may have waiting: no fewer places of the queue are to be free than one
  /// tenant holds.
  case queueShareUsed(held: Int, estimatedWait: Duration?)
  /// The engine has been shut down.
  case shutDown

  /// What is wrong, with the numbers and what to do.
  public var description: String {
    switch self {
    case .outOfRange(let field, let found, let expected):
      "\(field) is \(found); it must be \(expected)"
    case .empty(let field):
      "\(field) is empty; it needs at least one element"
    case .unknownToken(let field, let token, let vocabularySize):
      "\(field) has token id \(token), but the model's ids are 0 to \(vocabularySize - 1)"
    case .unknownAdapter(let name, let loaded):
      "adapter \"\(name)\" is not loaded; loaded are: \(loaded.isEmpty ? "none" : loaded.joined(separator: ", "))"
    case .exceedsContext(let promptTokens, let contextLength):
      "the prompt has \(promptTokens) tokens and needs room for at least one more, but the context holds "
        + "\(contextLength); shorten the prompt or raise the context length"
    case .exceedsCache(let promptTokens, let cacheTokens):
      "the prompt has \(promptTokens) tokens and needs room for at least one more, but the whole KV cache holds "
        + "\(cacheTokens); shorten the prompt or give the cache more memory"
    case .queueFull(let position, let wait):
      "the queue is full: this request would be number \(position) in it"
        + (wait.map { ", to start in about \(Int($0.seconds.rounded(.up))) s" } ?? "") + "; try again later"
    case .queueShareUsed(let held, let wait):
      "\(held) requests of the same sender wait already, and nobody may hold more places of the queue than are free"
        + (wait.map { "; the next of them ends in about \(Int($0.seconds.rounded(.up))) s" } ?? "")
        + "; try again later"
    case .shutDown:
      "the engine has been shut down; make a new one"
    }
  }
}
