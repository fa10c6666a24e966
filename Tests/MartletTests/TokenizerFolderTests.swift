import Foundation
import Martlet
import MartletEngine
import MartletModels
import Testing

/// What transformers makes of a tokenizer's smaller files; made by `scripts/goldens/tokenizer_folders.py`, which explains
/// the fields.
@Suite struct TokenizerFolderTests {
  struct Golden: Decodable, CustomTestStringConvertible {
    let name: String
    let files: [String: String]
    let ids: [Int32]
    let plain: String?
    let tools: String?
    let names: [String]?
    var testDescription: String { name }

    /// The files in a folder, with the weights of a checkpoint.
    func folder() throws -> ScratchFolder {
      let folder = try ScratchFolder()
      for file in ["config.json", "model.safetensors"] {
        try FileManager.default.copyItem(
          atPath: CheckpointGolden.path("llama-tied") + "/" + file, toPath: folder.path(file))
      }
      for (name, text) in files {
        let url = folder.url.appendingPathComponent(name)
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: url)
      }
      return folder
    }
  }

  static let table: [Golden] = {
    let url = CheckpointGolden.folder.deletingLastPathComponent().appendingPathComponent("tokenizer-folders.json")
    return (try? JSONDecoder().decode([Golden].self, from: Data(contentsOf: url))) ?? []
  }()

  private static let messages: TemplateValue = [["role": "user", "content": "hi"]]
  private static let tools: TemplateValue = [["type": "function", "function": ["name": "look"]]]

  @Test func thereAreFolders() { #expect(Self.table.count >= 12) }

  @Test(arguments: table)
  func isReadAsByTransformers(_ golden: Golden) throws {
    let folder = try golden.folder()
    let text = try #require(try TextModel(path: folder.url.path))
    #expect(text.tokenizer.encode("ab", addSpecial: true) == golden.ids)
    try Self.check(text, golden)
  }

  /// transformers writes 10^30 where a tokenizer has no limit, which fits no integer of 64 bits.
  @Test func numbersMayBeWide() throws {
    let golden = try #require(Self.table.first { $0.files["tokenizer_config.json"]?.hasPrefix("{") == true })
    let folder = try golden.folder()
    for name in ["tokenizer_config.json", "config.json", "generation_config.json"] {
      let url = folder.url.appendingPathComponent(name)
      let fields = (try? String(contentsOf: url, encoding: .utf8)) ?? "{}"
      let rest = fields.dropFirst().allSatisfy { $0.isWhitespace || $0 == "}" } ? "}" : "," + fields.dropFirst()
      try Data((#"{"model_max_length":1000000000000000019884624838656"# + rest).utf8).write(to: url)
    }
    let model = try LoadedModel(path: folder.url.path)
    #expect(model.text?.tokenizer.encode("ab", addSpecial: true) == golden.ids)
    try Self.check(try #require(model.text), golden)
  }

  /// The templates survive in a GGUF file, whose keys are those of gguf-py.
  @Test(arguments: table.filter { $0.name != "special tokens" })
  func templatesAreExported(_ golden: Golden) throws {
    let folder = try golden.folder()
    let path = folder.path("out.gguf")
    // The tokenizer's pattern is GPT-2's, which GGUF files can name.
    _ = try ModelQuantizer(model: folder.url.path, type: .f16).write(to: path)
    try Self.check(try #require(try TextModel(path: path)), golden)
    if golden.name == "a list" {
      let names = try #require(try GGUFFile(path: path).metadata.strings("tokenizer.chat_templates"))
      #expect(names.count == 2)
    }
  }

  private static func check(_ text: TextModel, _ golden: Golden) throws {
    for (tools, expected) in [(nil, golden.plain), (Self.tools, golden.tools)] {
      if let expected {
        #expect(try text.render(messages, tools: tools) == expected)
      } else {
        let error = #expect(throws: MissingChatTemplate.self) { try text.render(messages, tools: tools) }
        #expect(error?.names == golden.names)
        for name in golden.names ?? [] { #expect(error?.description.contains("'\(name)'") == true) }
      }
    }
  }
}
