internal import CMartlet
internal import MartletModels
internal import MartletRuntime
internal import MartletTensor
internal import Synchronization

/// One weight of a Qwen2 model: what LLAISYS and transformers call it, and its shape.
struct Qwen2Weight {
  /// The field of `LlaisysQwen2Weights`: `attn_q_w`.
  let field: String
  /// The layer whose entry of the field it is; nil for the fields that are no lists.
  let layer: Int?
  /// The name in transformers' checkpoints.
  let name: String
  let shape: Shape

  /// The spelling in messages: `attn_q_w[3]`.
  var spelling: String { layer.map { "\(field)[\($0)]" } ?? field }

  /// All weights, in the order of the structure's fields and of layers within them.
  static func all(_ model: DecoderConfiguration) -> [Qwen2Weight] {
    let (hidden, wide) = (model.hiddenSize, model.feedForwardSize)
    let queries = model.headCount * model.headDimension
    let keys = model.keyHeadCount * model.headDimension
    let single: [(String, String, Shape)] = [
      ("in_embed", "model.embed_tokens.weight", [model.vocabularySize, hidden]),
      ("out_embed", "lm_head.weight", [model.vocabularySize, hidden]),
      ("out_norm_w", "model.norm.weight", [hidden]),
    ]
    let listed: [(String, String, Shape)] = [
      ("attn_norm_w", "input_layernorm.weight", [hidden]),
      ("attn_q_w", "self_attn.q_proj.weight", [queries, hidden]),
      ("attn_q_b", "self_attn.q_proj.bias", [queries]),
      ("attn_k_w", "self_attn.k_proj.weight", [keys, hidden]),
      ("attn_k_b", "self_attn.k_proj.bias", [keys]),
      ("attn_v_w", "self_attn.v_proj.weight", [keys, hidden]),
      ("attn_v_b", "self_attn.v_proj.bias", [keys]),
      ("attn_o_w", "self_attn.o_proj.weight", [hidden, queries]),
      ("mlp_norm_w", "post_attention_layernorm.weight", [hidden]),
      ("mlp_gate_w", "mlp.gate_proj.weight", [wide, hidden]),
      ("mlp_up_w", "mlp.up_proj.weight", [wide, hidden]),
      ("mlp_down_w", "mlp.down_proj.weight", [hidden, wide]),
    ]
    return single.map { Qwen2Weight(field: $0, layer: nil, name: $1, shape: $2) }
      + listed.flatMap { field, name, shape in
        (0..<model.layerCount).map { layer in
          Qwen2Weight(field: field, layer: layer, name: "model.layers.\(layer).\(name)", shape: shape)
        }
      }
  }
}

/// The weights of a Qwen2 model while the program fills them, and the source from which they are packed then.
final class Qwen2Weights: WeightSource {
  let path = "the Qwen2 model"
  let names: [String]
  private let spellings: [String: String]
  private let runtime: Runtime
  /// What was not packed yet.
  private let tensors: Mutex<[String: TensorObject]>
  /// Layers' weights that were asked for since the last time that memory was given back.
  private let taken = Mutex<[String]>([])

  /// Takes memory for all weights.
  init(_ weights: [Qwen2Weight], _ tensors: [TensorObject], on runtime: Runtime) {
    names = weights.map(\.name)
    spellings = Dictionary(uniqueKeysWithValues: weights.map { ($0.name, $0.spelling) })
    self.tensors = Mutex(Dictionary(uniqueKeysWithValues: zip(names, tensors)))
    self.runtime = runtime
  }

  func nativeName(of name: String) -> String { spellings[name] ?? name }

  /// Refuses to begin as long as a weight was never filled.
  func requireFilled() throws(Failure) {
    let lacking = tensors.withLock { tensors in
      names.first { name in tensors[name].map { !$0.memory.mayBeFilled.load(ordering: .relaxed) } ?? false }
    }
    if let lacking {
      throw Failure(
        MARTLET_INVALID_REQUEST,
        "the weight \(nativeName(of: lacking)) (\(lacking)) was never filled: load it with tensorLoad before Infer")
    }
  }

  func tensor(named name: String) throws -> Tensor? {
    guard let tensor = tensors.withLock({ $0[name] }) else { return nil }
    // The embedding and the head are asked for more than once; they go with the source.
    if name.hasPrefix("model.layers.") { taken.withLock { $0.append(name) } }
    return try tensor.tensor("Qwen2", nativeName(of: name))
  }

  func releasePages() {
    let names = taken.withLock { names in
      defer { names = [] }
      return names
    }
    // The tensors end outside of the lock.
    let packed = tensors.withLock { tensors in names.map { tensors.removeValue(forKey: $0) } }
    _ = consume packed
    runtime.allocator.trim()
  }
}
