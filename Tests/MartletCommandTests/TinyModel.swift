import MartletModels
import MartletTestSupport

/// A model of a few kilobytes with every part that a real one has: a layer, a byte-level vocabulary, a chat template.
/// Its weights are noise, so it answers nonsense, but always the same nonsense.
enum TinyModel {
  static let contextLength = 96
  /// The 256 bytes, the token that ends a text, and the two that stand around a turn.
  static let vocabularySize = 259
  static let endToken = 256

  /// What the template makes of `user`.
  static func rendered(_ user: String, system: String? = nil) -> String {
    (system.map { "<|im_start|>system\n\($0)<|im_end|>\n" } ?? "")
      + "<|im_start|>user\n\(user)<|im_end|>\n<|im_start|>assistant\n"
  }

  static let template = """
    {% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}\
    {% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}
    """

  /// The file, before anybody spoils it.
  static var builder: GGUFBuilder {
    var builder = GGUFBuilder()
    builder.metadata = [
      ("general.architecture", .string("llama")), ("llama.block_count", .uint32(1)),
      ("llama.embedding_length", .uint32(32)), ("llama.feed_forward_length", .uint32(64)),
      ("llama.attention.head_count", .uint32(2)), ("llama.attention.head_count_kv", .uint32(1)),
      ("llama.context_length", .uint32(UInt32(contextLength))),
      ("llama.attention.layer_norm_rms_epsilon", .float32(1e-5)),
      ("tokenizer.ggml.model", .string("gpt2")), ("tokenizer.ggml.pre", .string("gpt-2")),
      ("tokenizer.ggml.tokens", .array(.string, tokens.map { .string($0) })),
      (
        "tokenizer.ggml.token_type",
        .array(.int32, (0..<vocabularySize).map { .int32($0 < 256 ? 1 : 3) })
      ),
      ("tokenizer.ggml.merges", .array(.string, [])),
      ("tokenizer.ggml.eos_token_id", .uint32(UInt32(endToken))),
      ("tokenizer.chat_template", .string(template)),
    ]
    builder.tensors = [
      noise("token_embd.weight", 32, vocabularySize), noise("output_norm.weight", 32),
      noise("blk.0.attn_norm.weight", 32), noise("blk.0.attn_q.weight", 32, 32),
      noise("blk.0.attn_k.weight", 32, 16), noise("blk.0.attn_v.weight", 32, 16),
      noise("blk.0.attn_output.weight", 32, 32), noise("blk.0.ffn_norm.weight", 32),
      noise("blk.0.ffn_gate.weight", 32, 64), noise("blk.0.ffn_up.weight", 32, 64),
      noise("blk.0.ffn_down.weight", 64, 32),
    ]
    return builder
  }

  /// The file as it should be.
  static func file() throws -> TemporaryFile { try TemporaryFile(builder.bytes) }

  /// Numbers in [-1, 1) from a linear congruential generator.
  static func noise(_ name: String, _ dimensions: Int...) -> GGUFBuilder.Tensor {
    var tensor = GGUFBuilder.Tensor(name, dimensions.map { UInt64($0) })
    var state = UInt64(name.utf8.reduce(1) { $0 &* 31 &+ UInt64($1) })
    tensor.data = (0..<dimensions.reduce(1, *)).flatMap { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return littleEndian((Float(state >> 40) / Float(1 << 23) - 1).bitPattern)
    }
    return tensor
  }

  /// GPT-2's alphabet: printable bytes stand for themselves, the others for the characters from U+0100 on.
  private static let tokens: [String] = {
    var next: UInt32 = 0x100
    let bytes = (UInt32(0)..<256).map { byte -> String in
      let isPrintable = (0x21...0x7E).contains(byte) || (0xA1...0xAC).contains(byte) || (0xAE...0xFF).contains(byte)
      if !isPrintable { next += 1 }
      return Unicode.Scalar(isPrintable ? byte : next - 1).map { String($0) } ?? ""
    }
    return bytes + ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
  }()
}

extension GGUFBuilder {
  /// This file with another value for a key, or without the key.
  func setting(_ key: String, _ value: Value?) -> GGUFBuilder {
    var builder = self
    builder.metadata.removeAll { $0.key == key }
    if let value { builder.metadata.append((key, value)) }
    return builder
  }

  /// This file with a tensor replaced, removed or added.
  func setting(tensor name: String, _ tensor: Tensor?) -> GGUFBuilder {
    var builder = self
    builder.tensors.removeAll { $0.name == name }
    if let tensor { builder.tensors.append(tensor) }
    return builder
  }
}
