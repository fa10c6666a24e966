import ArgumentParser
import Glibc
import Martlet

/// `martlet run MODEL [PROMPT]`
struct RunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Answer a prompt through the model's chat template, or hold a conversation.",
    discussion:
      "Without PROMPT and on a terminal, an interactive conversation; Control-C ends an answer, Control-D the "
      + "conversation. Without PROMPT elsewhere, the prompt is read from standard input.")

  @Argument(help: "The model.")
  var model: String

  @Argument(help: "What to ask.")
  var prompt: String?

  @Option(parsing: .unconditional, help: "Instructions for the whole conversation.")
  var system: String?

  @OptionGroup var modelFlags: ModelFlags
  @OptionGroup var generation: GenerationFlags

  func run() async throws {
    let clock = ContinuousClock()
    let start = clock.now
    let isConversation = prompt == nil && isatty(STDIN_FILENO) == 1
    if isConversation, generation.json { throw ValidationError("--json needs a PROMPT") }
    if isConversation, generation.samples > 1 { throw ValidationError("--samples needs a PROMPT") }
    let model = try await modelFlags.load(model)
    let output = GenerationOutput(model: model, flags: generation, loadTime: clock.now - start)
    if isConversation {
      try await Conversation(model: model, system: system, output: output).run()
      return
    }
    let text = try prompt ?? InputFile.text("-")
    try await output.printAll(try model.respond(to: text, system: system, options: generation.options))
  }
}
