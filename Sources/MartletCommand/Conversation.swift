import Martlet

/// The interactive chat: reads a line, answers, remembers both.
struct Conversation {
  let model: Model
  let system: String?
  let output: GenerationOutput

  func run() async throws {
    var messages: [Message] = system.map { [.system($0)] } ?? []
    Console.note("A conversation with \(model.name). Control-C ends an answer, Control-D or /bye the conversation.")
    while let line = ask() {
      let text = line.trimmingSpaces()
      if text.isEmpty { continue }
      if text == "/bye" { return }
      messages.append(.user(text))
      do {
        let answer = try await output.print(try model.respond(to: messages, options: output.flags.options))
        messages.append(.assistant(answer.text))
      } catch let error where MartletError(error).code == .invalidRequest {
        // Most likely the conversation no longer fits: what was said stays, and the person may go on otherwise.
        messages.removeLast()
        Console.failure(MartletError(error).message)
      }
    }
    Console.note("")
  }

  private func ask() -> String? {
    Console.status("\n> ")
    return readLine()
  }
}

extension String {
  /// Without white space at both ends.
  fileprivate func trimmingSpaces() -> String {
    let start = drop(while: \.isWhitespace)
    guard let end = start.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return String(start[...end])
  }
}
