internal import CMartlet
import Glibc
internal import MartletModels
internal import MartletRuntime
internal import MartletTensor

/// What the handle of LLAISYS's Qwen2 model stands for: first weights to fill, from the first question on a decoder.
///
/// `@unchecked Sendable`: `state` and `structure` are only touched while `mutex` is held, and in `deinit`, when nobody has the
/// object any more. Its stream is used by whoever holds the mutex, one thread at a time.
final class Qwen2Object: HandleObject, @unchecked Sendable {
  static let handleKind = HandleKind.qwen2

  private enum State {
    case filling(Qwen2Weights)
    case ready(Qwen2Sequence)
    /// Packing has failed and the weights are gone; why.
    case failed(Failure)
  }

  private let configuration: DecoderConfiguration
  private let stream: Stream
  private var state: State
  private let structure: Qwen2Structure
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>

  init(_ meta: LlaisysQwen2Meta, on device: Device) throws {
    let type = try ElementType(number: meta.dtype.rawValue)
    guard let dtype = type.dtype, dtype.isFloatingPoint else {
      throw Failure.argument("meta->dtype", expected: "F32, F16 or BF16", found: type.name)
    }
    configuration = try Self.configuration(meta)
    let runtime = try Devices.runtime(device)
    stream = try StreamPool.shared.makeStream(on: device)
    let weights = Qwen2Weight.all(configuration)
    let tensors = try weights.map { try TensorObject($0.shape, type, on: device) }
    structure = try Qwen2Structure(weights, tensors, layers: configuration.layerCount)
    state = .filling(Qwen2Weights(weights, tensors, on: runtime))
    // Last, since nothing would give it back if one of the lines above threw.
    mutex = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  private static func configuration(_ meta: LlaisysQwen2Meta) throws -> DecoderConfiguration {
    let configuration = DecoderConfiguration(
      layerCount: meta.nlayer, hiddenSize: meta.hs, feedForwardSize: meta.di, headCount: meta.nh,
      keyHeadCount: meta.nkvh, headDimension: meta.dh, vocabularySize: meta.voc, contextLength: meta.maxseq,
      normEpsilon: meta.epsilon, ropeTheta: meta.theta, biases: .queryKeyValue, tiesEmbeddings: false)
    let fields = [
      "num_hidden_layers": "nlayer", "hidden_size": "hs", "intermediate_size": "di", "num_attention_heads": "nh",
      "num_key_value_heads": "nkvh", "head_dim": "dh", "vocab_size": "voc", "max_position_embeddings": "maxseq",
      "rms_norm_eps": "epsilon", "rope_theta": "theta",
    ]
    do {
      try configuration.validate(file: "meta") { fields[$0] ?? $0 }
    } catch {
      throw Failure(MARTLET_INVALID_ARGUMENT, "\(error)")
    }
    return configuration
  }

  /// The weights to fill, for the program; valid as long as the model.
  func weights() throws -> UnsafeMutablePointer<LlaisysQwen2Weights> {
    try withLock {
      guard case .filling = state else {
        throw Failure(
          MARTLET_INVALID_REQUEST, "the weights were packed by the first Infer: make a new model to load others")
      }
      return structure.pointer
    }
  }

  /// The most probable token after a sequence.
  func next(after ids: UnsafeBufferPointer<Int64>) throws -> Int64 {
    guard (1...configuration.contextLength).contains(ids.count) else {
      throw Failure.argument("ntoken", expected: "1 to \(configuration.contextLength), maxseq", found: "\(ids.count)")
    }
    let size = configuration.vocabularySize
    if let index = ids.firstIndex(where: { $0 < 0 || $0 >= Int64(size) }) {
      throw Failure.argument("token_ids[\(index)]", expected: "0 to \(size - 1)", found: "\(ids[index])")
    }
    let sequence = ids.map { Int32($0) }
    return try withLock { Int64(try packed().next(after: sequence)) }
  }

  /// The decoder, packed now if this is the first question.
  private func packed() throws -> Qwen2Sequence {
    switch state {
    case .ready(let sequence): return sequence
    case .failed(let failure): throw failure
    case .filling(let weights):
      try weights.requireFilled()
      structure.freeTensors()
      do {
        let decoder = try Decoder(WeightScope(weights), configuration, WeightLoader(compute: .auto, stream: stream))
        let sequence = try Qwen2Sequence(decoder, on: stream)
        state = .ready(sequence)
        return sequence
      } catch {
        state = .failed(Failure(error))
        throw error
      }
    }
  }

  private func withLock<Result>(_ body: () throws -> Result) rethrows -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return try body()
  }
}

/// The structure of handles that programs read weights' tensors from. It owns the handles and its memory.
final class Qwen2Structure {
  let pointer: UnsafeMutablePointer<LlaisysQwen2Weights>
  /// The lists of the structure, one after the other, an entry a layer.
  private let lists: UnsafeMutableBufferPointer<llaisysTensor_t?>
  private var handles: [llaisysTensor_t]

  init(_ weights: [Qwen2Weight], _ tensors: [TensorObject], layers: Int) throws {
    handles = try HandleTable.shared.insert(tensors)
    pointer = .allocate(capacity: 1)
    pointer.initialize(to: LlaisysQwen2Weights())
    lists = .allocate(capacity: weights.count)
    lists.initialize(repeating: nil)
    let single = weights.filter { $0.layer == nil }.count
    _ = lists.update(fromContentsOf: handles.dropFirst(single).map { Optional($0) })
    pointer.pointee.in_embed = handles[0]
    pointer.pointee.out_embed = handles[1]
    pointer.pointee.out_norm_w = handles[2]
    let fields: [WritableKeyPath<LlaisysQwen2Weights, UnsafeMutablePointer<llaisysTensor_t?>?>] = [
      \.attn_norm_w, \.attn_q_w, \.attn_q_b, \.attn_k_w, \.attn_k_b, \.attn_v_w, \.attn_v_b, \.attn_o_w, \.mlp_norm_w,
      \.mlp_gate_w, \.mlp_up_w, \.mlp_down_w,
    ]
    for (index, field) in fields.enumerated() {
      pointer.pointee[keyPath: field] = lists.baseAddress.map { $0 + index * layers }
    }
  }

  deinit {
    freeTensors()
    lists.deallocate()
    pointer.deallocate()
  }

  /// Makes the handles invalid; one that the program has destroyed already is none any more.
  func freeTensors() {
    for handle in handles { _ = try? HandleTable.shared.remove(handle, as: TensorObject.self, "weight") }
    handles = []
  }
}
