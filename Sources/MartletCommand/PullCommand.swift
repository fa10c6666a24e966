import ArgumentParser
import Glibc
import Martlet
import MartletHub

/// `martlet pull NAME`
struct PullCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pull", abstract: "Fetch a model from the Hugging Face hub.",
    discussion: """
      The model goes into the Hugging Face cache, which Python tools share. Interrupted, the same command goes on where \
      it was. HF_HOME, HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE mean what they mean there.
      """)

  @Argument(help: "The model: owner/name, or owner/name@revision, or owner/name/file.gguf.")
  var name: String

  @Option(parsing: .unconditional, help: "A branch, a tag or a commit (default: main).")
  var revision: String?

  @Option(
    parsing: .unconditionalSingleValue,
    help:
      "A file to fetch instead of what the model needs, such as one of several GGUF files; with * and ?. Repeatable.")
  var file: [String] = []

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() async throws {
    // A limit on the size of files shows as an error of writing, which says what to do.
    signal(SIGXFSZ, SIG_IGN)
    let bar = ProgressLine(name)
    do {
      guard BuiltInModel.named(name) == nil else { return try showBuiltIn() }
      let environment = HubEnvironment.current
      let pull = ModelPull(
        environment: environment, access: try HubAccess(environment: environment), report: { bar.show($0) })
      let pulled = try await Interruption.cancelling { [name, revision, file] in
        try await pull.pull(name, revision: revision, files: file)
      }
      bar.clear()
      try show(pulled)
    } catch let error as HubError {
      bar.clear()
      HubFailure.exit(error)
    } catch let error as CancellationError {
      bar.clear()
      Console.note("martlet: stopped; what was fetched stays, and the same command goes on from there")
      throw error
    }
  }

  /// The built-in model is not on the hub in the form that is built in: it is here, or the error says what brings it.
  private func showBuiltIn() throws {
    guard revision == nil, file.isEmpty else {
      throw ValidationError("\(name) is built in and has neither revisions nor files to choose")
    }
    let path = try ModelLocator.locate(name).path
    let size = BuiltInModel.named(name)?.size ?? 0
    guard json else { return Console.write("\(name)  \(ByteCount.text(size))  \(path)\n") }
    let object: TemplateValue = ["name": .string(name), "path": .string(path), "bytes": .int(size), "fetched_bytes": 0]
    Console.write(try object.jsonText(indent: 2) + "\n")
  }

  private func show(_ model: PulledModel) throws {
    guard json else {
      let amount = model.fetchedBytes == 0 ? "nothing to fetch" : "\(ByteCount.text(model.fetchedBytes)) fetched"
      let files = model.files.count == 1 ? "1 file" : "\(model.files.count) files"
      Console.note("martlet: \(files) of \(ByteCount.text(model.size)), \(amount)")
      return Console.write("\(model.name)  \(ByteCount.text(model.size))  \(model.path)\n")
    }
    let files = model.files.map { file -> TemplateValue in ["path": .string(file.path), "bytes": .int(file.size)] }
    let object: TemplateValue = [
      "name": .string(model.name), "revision": .string(model.revision), "commit": .string(model.commit),
      "path": .string(model.path), "bytes": .int(model.size), "fetched_bytes": .int(model.fetchedBytes),
      "files": .array(files),
    ]
    Console.write(try object.jsonText(indent: 2) + "\n")
  }
}

/// Ends the program with an error of the models' folders or of the hub.
enum HubFailure {
  static func exit(_ error: HubError) -> Never {
    Console.failure(error.message)
    Glibc.exit(error.exitStatus)
  }
}
