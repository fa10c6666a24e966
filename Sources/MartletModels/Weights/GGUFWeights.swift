import MartletOperators
package import MartletRuntime
package import MartletTensor

/// The weights of a GGUF file under transformers' names.
///
/// llama.cpp's converter reorders the rows of Llama's query and key projections, so that rotary pairs are neighbours; here
/// they are put back into the order of the original checkpoint, where pair i is (i, i + d/2). Other architectures keep that
/// order in GGUF files too.
package struct GGUFWeights: WeightSource {
  package let file: GGUFFile
  private let heads: Int
  private let keyHeads: Int
  private let runtime: Runtime
  private let nativeNames: [String: String]
  private let isInterleaved: Bool

  package init(_ file: GGUFFile, heads: Int, keyHeads: Int, runtime: Runtime) {
    self.file = file
    self.heads = heads
    self.keyHeads = keyHeads
    self.runtime = runtime
    isInterleaved = (try? file.metadata.string("general.architecture")) == "llama"
    nativeNames = Dictionary(
      file.tensors.map { (Self.canonicalName(of: $0.name), $0.name) }, uniquingKeysWith: { first, _ in first })
  }

  package var path: String { file.path }

  package func releasePages() { file.mapping.releasePages() }

  /// All but the rotary factors, which are part of the configuration.
  package var names: [String] { nativeNames.keys.filter { $0 != "rope_freqs.weight" } }

  /// The file's name of a weight, also of one that is missing.
  package func nativeName(of name: String) -> String { nativeNames[name] ?? Self.nativeName(of: name) }

  package func tensor(named name: String) throws -> Tensor? {
    guard let nativeName = nativeNames[name], let info = file.tensor(named: nativeName) else { return nil }
    let storage = Storage(borrowing: file.bytes(of: info), owner: file)
    let tensor = try Tensor(storage: storage, dtype: info.type, layout: Layout(contiguous: Shape(info.shape)))
    guard isInterleaved else { return tensor }
    if name.hasSuffix("q_proj.weight") || name.hasSuffix("q_proj.bias") { return try unpermuted(tensor, heads) }
    if name.hasSuffix("k_proj.weight") || name.hasSuffix("k_proj.bias") { return try unpermuted(tensor, keyHeads) }
    return tensor
  }

  /// Puts row (head, i, j) of `[heads, d/2, 2]` to row (head, j, i). Rows are moved as bytes, whatever their type.
  private func unpermuted(_ tensor: Tensor, _ heads: Int) throws -> Tensor {
    let rows = tensor.shape[0]
    guard rows % (2 * heads) == 0, rows > 0 else { return tensor }
    let rowBytes = tensor.byteCount / rows
    let bytes = try Tensor(
      storage: tensor.storage, dtype: .u8, layout: Layout(contiguous: [heads, rows / heads / 2, 2, rowBytes]))
    let target = try Tensor([heads, 2, rows / heads / 2, rowBytes], .u8, on: runtime)
    let stream = try Stream(on: runtime, threads: 1)
    try Rearrange(bytes.permute([0, 2, 1, 3]), into: target).run(on: stream)
    return try Tensor(storage: target.storage, dtype: tensor.dtype, layout: Layout(contiguous: tensor.shape))
  }

  private static let topNames = [
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
  ]

  private static let layerNames = [
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
  ]

  /// What GGUF files call a weight of transformers' checkpoints: the opposite of `canonicalName`.
  static func nativeName(of name: String) -> String {
    for (native, canonical) in topNames where name.hasPrefix(canonical + ".") {
      return native + name.dropFirst(canonical.count)
    }
    let parts = name.split(separator: ".", maxSplits: 3, omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 4, parts[0] == "model", parts[1] == "layers" else { return name }
    for (native, canonical) in layerNames where parts[3].hasPrefix(canonical + ".") {
      return "blk.\(parts[2]).\(native)\(parts[3].dropFirst(canonical.count))"
    }
    return name
  }

  /// `blk.3.attn_q.weight` becomes `model.layers.3.self_attn.q_proj.weight`. A name that is not known stays.
  private static func canonicalName(of name: String) -> String {
    var parts = name.split(separator: ".").map(String.init)
    if parts.count == 2, let top = topNames[parts[0]] { return "\(top).\(parts[1])" }
    if parts.count == 4, parts[0] == "blk", let layer = layerNames[parts[2]] {
      parts.removeFirst()
      return "model.layers.\(parts[0]).\(layer).\(parts[2])"
    }
    return name
  }
}
