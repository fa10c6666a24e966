// A tour of Martlet for Swift. `make model` brings the default model; then, in the root of the repository:
//
//     swift run -c release martlet-tour
//
// In a package of your own, depend on this one and on its product `Martlet`; everything below needs `import Martlet` alone.

import Martlet

@main
struct Tour {
  static func main() async throws {
    // A name of the built-in list, a .gguf file, or a folder with safetensors. The device would be chosen if it were not named.
    var options = ModelOptions()
    options.device = .cpu
    let model = try await Model.load("smollm2", options: options)
    print("\(model.name) on \(model.device), up to \(model.contextLength) tokens")

    // An answer, piece by piece as it comes.
    let question = "What is the capital of France, and what is it famous for?"
    for try await piece in try model.respond(to: question, options: GenerationOptions(maxTokens: 40)).text {
      print(piece, terminator: "")
    }
    print("\n")

    // A conversation: what its turns have in common is computed once.
    var conversation: [Message] = [.system("Be brief."), .user("Name a bird.")]
    for followUp in ["And another one?", "Which of them flies higher?"] {
      let answer = try await text(of: try model.respond(to: conversation, options: GenerationOptions(maxTokens: 16)))
      print("- \(answer)")
      conversation += [.assistant(answer), .user(followUp)]
    }

    // What generates at the same time is computed together, and each gets what it would get alone.
    async let numbers = text(of: try model.complete("One, two, three,", options: GenerationOptions(maxTokens: 12)))
    async let days = text(of: try model.complete("Monday, Tuesday,", options: GenerationOptions(maxTokens: 12)))
    print(try await numbers, try await days)

    // How sure the model is: each token's log-probability and the likeliest ones beside it.
    var sure = GenerationOptions(maxTokens: 3)
    sure.sampling.logprobs = 2
    for try await event in try model.complete("The opposite of hot is", options: sure) {
      if case .token(let token, let text) = event {
        print("\(text.debugDescription): \(token.logprob ?? 0), likeliest \(token.top.map(\.token))")
      }
    }

    // What goes wrong says what to do.
    do {
      _ = try await Model.load("no/such-model")
    } catch {
      print("\(error.code): \(error)")
    }
  }

  /// All of a generation's text.
  private static func text(of generation: Generation) async throws -> String {
    var text = ""
    for try await piece in generation.text { text += piece }
    return text
  }
}
