import ArgumentParser
import Glibc
import Martlet

/// The command `martlet`: parses arguments, calls the library, prints.
@main
struct MartletTool: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "martlet",
    abstract: "Runs large language models on this machine.",
    discussion: """
      MODEL is a .gguf file, a model in the local Hugging Face cache (owner/name), or a short name such as smollm2.
      Text goes to standard output, everything else to standard error.
      """,
    version: MartletVersion.current,
    subcommands: [
      RunCommand.self, CompleteCommand.self, TokenizeCommand.self, RenderCommand.self, PerplexityCommand.self,
      BenchCommand.self, BenchServeCommand.self, QuantizeCommand.self, InfoCommand.self, DevicesCommand.self,
      DoctorCommand.self, ServeCommand.self, PullCommand.self, ListCommand.self, RemoveCommand.self,
    ])

  /// Runs the command named by the arguments. Errors become a line on standard error and an exit status; help and
  /// version are printed by ArgumentParser.
  static func main() async {
    Interruption.install()
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch let error where error is CancellationError {
      // Not `exit`: a step may still be under way on another thread.
      _exit(Interruption.exitStatus)
    } catch let error where Self.isMartletError(error) {
      let error = MartletError(error)
      Console.failure(error.message)
      Glibc.exit(error.exitStatus)
    } catch {
      guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
      Console.failure("\(message(for: error)) (see '\(helpCommand)')")
      Glibc.exit(EX_USAGE)
    }
  }

  /// What shows the usage of the command that was called.
  private static var helpCommand: String {
    let names = configuration.subcommands.map { $0.configuration.commandName }
    let called = CommandLine.arguments.dropFirst().first.flatMap { names.contains($0) ? $0 + " " : nil }
    return "martlet \(called ?? "")--help"
  }

  /// Whether an error is the library's rather than the argument parser's.
  private static func isMartletError(_ error: any Error) -> Bool {
    if error is MartletError { return true }
    return !(error is ExitCode || error is ValidationError || error is CleanExit)
      && MartletTool.exitCode(for: error) == .failure
  }
}
