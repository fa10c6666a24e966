import ArgumentParser
import Martlet
import MartletHub

/// `martlet remove NAME`
struct RemoveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "remove", abstract: "Remove a model from this machine.",
    discussion: """
      Removes owner/name with all its revisions from the Hugging Face cache, or only owner/name@revision or \
      owner/name/file.gguf, or a file from Martlet's model folder; nothing outside the two, and without asking.
      """)

  @Argument(help: "The model, as 'martlet list' names it.")
  var name: String

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let removed: ModelRemoval.Removed
    do { removed = try ModelRemoval().remove(name) } catch { HubFailure.exit(error) }
    guard json else {
      return Console.write("\(removed.name)  \(ByteCount.text(removed.bytes)) freed  \(removed.path)\n")
    }
    let object: TemplateValue = [
      "name": .string(removed.name), "path": .string(removed.path), "freed_bytes": .int(removed.bytes),
    ]
    Console.write(try object.jsonText(indent: 2) + "\n")
  }
}
