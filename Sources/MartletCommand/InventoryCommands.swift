import ArgumentParser
import Martlet

/// `martlet info MODEL`
struct InfoCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "info", abstract: "Show what a model file holds.")

  @Argument(help: "The model.")
  var model: String

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let report = try ModelFiles.report(model)
    Console.write(json ? try report.json.jsonText(indent: 2) + "\n" : report.text)
  }
}

/// `martlet devices`
struct DevicesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "devices", abstract: "Show the devices of this machine, and why one is missing.")

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let report = Report.devices()
    Console.write(json ? try report.json.jsonText(indent: 2) + "\n" : report.text)
  }
}

/// `martlet list`
struct ListCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Show the models on this machine that can be named.")

  @Flag(help: "Print one JSON array.")
  var json = false

  func run() throws {
    let report = ModelFiles.installed()
    Console.write(json ? try report.json.jsonText(indent: 2) + "\n" : report.text)
  }
}
