import ArgumentParser
import Glibc
import Martlet

/// `martlet doctor`
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Check this machine: devices, libraries, and every operator against its reference."
  )

  @Option(
    parsing: .unconditional,
    help: "The device to check: cpu, cuda[:i] or metax[:i] (default: the first GPU, else the processor).")
  var device: String?

  @Flag(help: "Print one JSON object.")
  var json = false

  func run() throws {
    let chosen: Device
    do { chosen = try device.map { try Device(parsing: $0) } ?? .preferred } catch { throw MartletError(error) }
    let doctor = try Doctor(chosen) { Console.progress("checking \(chosen)", $0) }
    Console.write(json ? try doctor.report.json.jsonText(indent: 2) + "\n" : doctor.report.text)
    if doctor.failureCount > 0 { Glibc.exit(EX_SOFTWARE) }
  }
}
