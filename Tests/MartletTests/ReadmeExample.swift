// The README's example, as it stands there; `ReadmeExampleTests` holds the two together.

import Martlet

func example() async throws {
  let model = try await Model.load("smollm2")
  for try await text in try model.respond(to: "Why is the sky blue?").text {
    print(text, terminator: "")
  }
}
