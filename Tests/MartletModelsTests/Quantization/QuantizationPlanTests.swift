import Foundation
import MartletModels
import MartletTensor
import Testing

/// The choice of types against llama.cpp's own: `scripts/goldens/quantize.py` let it quantise small models.
@Suite struct QuantizationPlanTests {
  struct Model: Decodable, Sendable, CustomTestStringConvertible {
    let width: Int
    let hasHead: Bool
    let layers: Int
    let type: String
    let tensors: [String: String]
    var testDescription: String { "\(type), rows of \(width)\(hasHead ? ", a head" : "")" }
  }

  static let models: [Model] = {
    let url = Bundle.module.bundleURL.appendingPathComponent("Goldens/quantization/types.json")
    return (try? JSONDecoder().decode([Model].self, from: Data(contentsOf: url))) ?? []
  }()

  @Test func thereAreModelsOfEveryType() {
    #expect(Set(Self.models.map(\.type)) == Set(QuantizationType.allCases.map(\.rawValue)))
  }

  @Test(arguments: models)
  func choosesAsLlamaCpp(_ model: Model) throws {
    let type = try #require(QuantizationType(rawValue: model.type))
    let plan = QuantizationPlan(type: type, layerCount: model.layers, hasHead: model.hasHead)
    for (name, expected) in model.tensors {
      let shape = name.contains("norm") ? [model.width] : [64, model.width]
      let (found, isFallback) = plan.type(of: name, shape: shape, source: .f32)
      #expect(found.name == expected, "\(name)")
      if model.width % 256 == 0 { #expect(!isFallback, "\(name)") }
    }
  }

  /// Rows that no block divides become f16, and what is no number stays.
  @Test(arguments: QuantizationType.allCases)
  func oddShapes(_ type: QuantizationType) {
    let plan = QuantizationPlan(type: type, layerCount: 4, hasHead: true)
    let odd = plan.type(of: "blk.0.attn_q.weight", shape: [48, 48], source: .bf16)
    #expect(odd.type == (type == .bf16 ? .bf16 : .f16))
    #expect(odd.isFallback == type.dtype.isQuantized)
    #expect(plan.type(of: "blk.0.attn_q.bias", shape: [256], source: .bf16).type == .f32)
    #expect(plan.type(of: "blk.0.attn_q_norm.weight", shape: [256], source: .f16).type == .f32)
    #expect(plan.type(of: "rope_freqs.weight", shape: [32], source: .f32).type == .f32)
    #expect(plan.type(of: "table.weight", shape: [4, 256], source: .i32).type == .i32)
  }
}
