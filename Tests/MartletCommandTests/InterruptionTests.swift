import Foundation
import Glibc
import MartletTestSupport
import Testing

@Suite(
  "command: interruptions", .serialized,
  .enabled(if: Resources.hasModel, "the default model is not in the cache: 'make model' brings it"))
struct InterruptionTests {
  /// A generation that goes on for a minute.
  private static let endless = [
    "complete", "smollm2", "1, 2, 3, 4, 5, 6, 7, 8, 9,", "--max-tokens", "8000", "--temperature", "2", "--seed", "1",
  ]

  /// Starts an endless generation, waits for its first output, does `act`, and expects the end with nothing said.
  private func expectEnd(_ status: Int32, after act: (Child, Pipe) -> Void) throws {
    let pipe = try Pipe()
    let error = try TemporaryFile([])
    let child = try Child(
      Martlet.executable, Self.endless, input: "/dev/null", output: pipe.path, error: error.path)
    #expect(pipe.readByte(milliseconds: 20_000))
    act(child, pipe)
    #expect(try child.wait(limit: .seconds(60)).status == status)
    #expect(try String(contentsOfFile: error.path, encoding: .utf8) == "martlet: running on cpu\n")
  }

  @Test("SIGINT ends a generation with 130 at once")
  func interrupt() throws {
    try expectEnd(130) { child, _ in child.send(SIGINT) }
  }

  @Test("a reader that goes away ends a generation without a word")
  func closedPipe() throws {
    try expectEnd(141) { _, pipe in pipe.close() }
  }

  @Test("SIGINT ends a generation that has no output yet, and leaves standard output empty")
  func interruptJSON() throws {
    let output = try TemporaryFile([])
    let error = try TemporaryFile([])
    let child = try Child(
      Martlet.executable, Self.endless + ["--json"], input: "/dev/null", output: output.path,
      error: error.path)
    // It says where it runs when the model is loaded.
    let deadline = ContinuousClock.now + .seconds(20)
    while try String(contentsOfFile: error.path, encoding: .utf8).isEmpty, ContinuousClock.now < deadline {
      usleep(5000)
    }
    child.send(SIGINT)
    #expect(try child.wait(limit: .seconds(60)).status == 130)
    #expect(try Data(contentsOf: URL(filePath: output.path)).isEmpty)
  }
}
