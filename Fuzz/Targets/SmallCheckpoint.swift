import MartletRuntime

/// A Llama of one layer and some hundred weights as a folder of safetensors, so that what is wrong with one file shows
/// beside others that are right. `Fuzz/make_seeds.py` has the same sizes.
enum SmallCheckpoint {
  enum Part {
    case all, firstHalf, secondHalf
  }

  private static let tensors: [(name: String, shape: [Int])] = [
    ("model.embed_tokens.weight", [6, 8]),
    ("model.layers.0.input_layernorm.weight", [8]),
    ("model.layers.0.self_attn.q_proj.weight", [8, 8]),
    ("model.layers.0.self_attn.k_proj.weight", [4, 8]),
    ("model.layers.0.self_attn.v_proj.weight", [4, 8]),
    ("model.layers.0.self_attn.o_proj.weight", [8, 8]),
    ("model.layers.0.post_attention_layernorm.weight", [8]),
    ("model.layers.0.mlp.gate_proj.weight", [12, 8]),
    ("model.layers.0.mlp.up_proj.weight", [12, 8]),
    ("model.layers.0.mlp.down_proj.weight", [8, 12]),
    ("model.norm.weight", [8]),
    ("lm_head.weight", [6, 8]),
  ]

  private static let configurationText = """
    {"model_type":"llama","num_hidden_layers":1,"hidden_size":8,"intermediate_size":12,"num_attention_heads":2,\
    "num_key_value_heads":1,"vocab_size":6,"eos_token_id":2}
    """

  static func configuration() throws -> MappedFile { try file(Array(configurationText.utf8), "config.json") }

  static func generation() throws -> MappedFile {
    try file(Array(#"{"eos_token_id":[2,3]}"#.utf8), "generation_config.json")
  }

  /// A safetensors file with some of the weights, all of them 0.
  static func weights(_ part: Part) throws -> MappedFile {
    let half = tensors.count / 2
    let chosen =
      switch part {
      case .all: tensors[...]
      case .firstHalf: tensors[..<half]
      case .secondHalf: tensors[half...]
      }
    var end = 0
    let entries = chosen.map { tensor in
      let start = end
      end += tensor.shape.reduce(4, *)
      return #""\#(tensor.name)":{"dtype":"F32","shape":\#(tensor.shape),"data_offsets":[\#(start),\#(end)]}"#
    }
    let header = Array("{\(entries.joined(separator: ","))}".utf8)
    let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Array($0) }
    return try file(length + header + [UInt8](repeating: 0, count: end), "model.safetensors")
  }

  private static func file(_ bytes: [UInt8], _ name: String) throws -> MappedFile {
    try bytes.withUnsafeBytes { try MappedFile(copying: $0, path: name) }
  }
}
