// The names of the functions below and their documentation are those of the headers.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation, AlwaysUseLowerCamelCase

public import CMartlet

// LLAISYS's operators are those of `martlet_tensor.h`; the status, which the thread keeps, becomes a line for people.

private func report(_ function: String, _ status: martlet_status) {
  guard status != MARTLET_OK else { return }
  ThreadState.withCurrent { StandardOutput.report("\(function): \(String(cString: $0.message))") }
}

@c @implementation
public func llaisysAdd(_ c: llaisysTensor_t?, _ a: llaisysTensor_t?, _ b: llaisysTensor_t?) {
  report("llaisysAdd", martlet_add(c, a, b))
}

@c @implementation
public func llaisysArgmax(_ max_idx: llaisysTensor_t?, _ max_val: llaisysTensor_t?, _ vals: llaisysTensor_t?) {
  report("llaisysArgmax", martlet_argmax(max_idx, max_val, vals))
}

@c @implementation
public func llaisysEmbedding(_ out: llaisysTensor_t?, _ index: llaisysTensor_t?, _ weight: llaisysTensor_t?) {
  report("llaisysEmbedding", martlet_embedding(out, index, weight))
}

@c @implementation
public func llaisysLinear(
  _ out: llaisysTensor_t?, _ in: llaisysTensor_t?, _ weight: llaisysTensor_t?, _ bias: llaisysTensor_t?
) {
  report("llaisysLinear", martlet_linear(out, `in`, weight, bias))
}

@c @implementation
public func llaisysRearrange(_ out: llaisysTensor_t?, _ in: llaisysTensor_t?) {
  report("llaisysRearrange", martlet_rearrange(out, `in`))
}

@c @implementation
public func llaisysRmsNorm(_ out: llaisysTensor_t?, _ in: llaisysTensor_t?, _ weight: llaisysTensor_t?, _ eps: Float) {
  report("llaisysRmsNorm", martlet_rms_norm(out, `in`, weight, eps))
}

@c @implementation
public func llaisysROPE(_ out: llaisysTensor_t?, _ in: llaisysTensor_t?, _ pos_ids: llaisysTensor_t?, _ theta: Float) {
  report("llaisysROPE", martlet_rope(out, `in`, pos_ids, theta))
}

@c @implementation
public func llaisysSelfAttention(
  _ attn_val: llaisysTensor_t?, _ q: llaisysTensor_t?, _ k: llaisysTensor_t?, _ v: llaisysTensor_t?, _ scale: Float
) {
  report("llaisysSelfAttention", martlet_self_attention(attn_val, q, k, v, scale))
}

@c @implementation
public func llaisysSwiGLU(_ out: llaisysTensor_t?, _ gate: llaisysTensor_t?, _ up: llaisysTensor_t?) {
  report("llaisysSwiGLU", martlet_swiglu(out, gate, up))
}
