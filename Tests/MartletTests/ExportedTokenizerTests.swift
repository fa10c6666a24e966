import Foundation
import Martlet
import MartletEngine
import MartletModels
import MartletText
import Testing

/// What a folder says about text, through a GGUF file.
@Suite struct ExportedTokenizerTests {
  /// The 256 bytes, some merges and the tokens of a chat, for the vocabulary of 300 that the checkpoints have.
  private static func tokenizer() -> [String: Any] {
    var next: UInt32 = 0x100
    var tokens = (UInt32(0)..<256).map { byte -> String in
      let isPrintable = (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte)
      if !isPrintable { next += 1 }
      return Unicode.Scalar(isPrintable ? byte : next - 1).map { String($0) } ?? ""
    }
    let merges = ["h e", "l l", "he ll", "hell o", "Ġ hello", "1 2", "à ©"]
    tokens += merges.map { $0.replacingOccurrences(of: " ", with: "") }
    let special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    let added = special.enumerated().map { index, content -> [String: Any] in
      ["id": tokens.count + index, "content": content, "special": true, "normalized": false]
    }
    let regex =
      #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    let vocabulary = Dictionary(uniqueKeysWithValues: tokens.enumerated().map { ($1, $0) })
    return [
      "version": "1.0", "added_tokens": added,
      "pre_tokenizer": [
        "type": "Sequence",
        "pretokenizers": [
          ["type": "Split", "pattern": ["Regex": regex], "behavior": "Isolated", "invert": false],
          ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false],
        ],
      ],
      "decoder": ["type": "ByteLevel", "add_prefix_space": false, "trim_offsets": false, "use_regex": false],
      "model": ["type": "BPE", "vocab": vocabulary, "merges": merges],
    ]
  }

  private static let template =
    "{% for m in messages %}{{ '<|im_start|>' + m.role + m.content + eos_token }}{% endfor %}"

  /// The checkpoint with that tokenizer.
  private static func folder(_ checkpoint: String, generation: [String: Any]) throws -> ScratchFolder {
    let folder = try ScratchFolder()
    for file in ["config.json", "model.safetensors"] {
      try FileManager.default.copyItem(
        atPath: CheckpointGolden.path(checkpoint) + "/" + file, toPath: folder.path(file))
    }
    let files: [(String, Any)] = [
      ("tokenizer.json", tokenizer()), ("generation_config.json", generation),
      (
        "tokenizer_config.json",
        [
          "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>",
          "chat_template": [["name": "default", "template": template], ["name": "rag", "template": ""]],
        ]
      ),
    ]
    for (name, value) in files {
      try JSONSerialization.data(withJSONObject: value).write(to: folder.url.appendingPathComponent(name))
    }
    return folder
  }

  @Test(arguments: ["smollm2", "qwen2-tied", "qwen3"])
  func textIsTheSame(_ checkpoint: String) throws {
    let folder = try Self.folder(checkpoint, generation: ["eos_token_id": [265, 263, 12, 13]])
    let path = folder.path("model.gguf")
    var notes: [String] = []
    _ = try ModelQuantizer(model: folder.url.path, type: .bf16).write(to: path) { notes.append($0) }
    // Of four tokens that end a text three have a place.
    #expect(notes.count == 1 && notes[0].contains("1 of the tokens"))
    let file = try GGUFFile(path: path)
    let size = try #require(try file.metadata.strings("tokenizer.ggml.tokens")).count
    #expect(size == file.tensor(named: "token_embd.weight")?.shape[0])
    #expect(try file.metadata.string("tokenizer.ggml.pre") == "qwen2")
    let (original, exported) = (
      try #require(try TextModel(path: folder.url.path)), try #require(try TextModel(path: path))
    )
    for text in ["hello hello12é", " well, hell", "<|im_start|>user\nhi<|im_end|>", "日本語\n\n  x", ""] {
      let ids = original.tokenizer.encode(text, addSpecial: true, parseSpecial: true)
      #expect(exported.tokenizer.encode(text, addSpecial: true, parseSpecial: true) == ids)
      #expect(exported.tokenizer.encode(text, addSpecial: false) == original.tokenizer.encode(text, addSpecial: false))
      #expect(
        try exported.tokenizer.decode(ids, skipSpecial: false) == original.tokenizer.decode(ids, skipSpecial: false))
    }
    #expect(original.tokenizer.encode("hello", addSpecial: false) == [259])
    #expect(exported.tokenizer.endTokens == [265, 263, 12])
    let messages: TemplateValue = [["role": "user", "content": "hello"]]
    #expect(try exported.render(messages) == original.render(messages))
    #expect(try exported.render(messages) == "<|im_start|>userhello<|im_end|>")
  }

  @Test func aTokenizerThatGGUFCannotDescribeIsRefused() throws {
    let folder = try Self.folder("smollm2", generation: [:])
    var tokenizer = Self.tokenizer()
    tokenizer["normalizer"] = ["type": "Lowercase"]
    try JSONSerialization.data(withJSONObject: tokenizer)
      .write(to: folder.url.appendingPathComponent("tokenizer.json"))
    let error = #expect(throws: MartletError.self) {
      try ModelQuantizer(model: folder.url.path, type: .q8_0).write(to: folder.path("model.gguf"))
    }
    #expect(error?.message.contains("tokenizer.json: normalizer") == true)
    #expect(error?.message.contains(folder.url.path) == true)
  }
}
