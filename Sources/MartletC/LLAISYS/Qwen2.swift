// The names of the functions below and their documentation are those of the headers.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation, AlwaysUseLowerCamelCase

public import CMartlet
internal import MartletRuntime

@c @implementation
public func llaisysQwen2ModelCreate(
  _ meta: UnsafePointer<LlaisysQwen2Meta>?, _ device: llaisysDeviceType_t, _ device_ids: UnsafePointer<Int32>?,
  _ ndevice: Int32
) -> OpaquePointer! {
  boundary("llaisysQwen2ModelCreate", failed: nil) {
    let meta = try required(meta, "meta")
    guard (0...1).contains(ndevice) else {
      throw Failure.argument("ndevice", expected: "0 or 1, since one device runs the model", found: "\(ndevice)")
    }
    let index = ndevice == 1 ? device_ids?.pointee ?? 0 : 0
    let device = try namedDevice(device.rawValue, index)
    return try HandleTable.shared.insert(try Qwen2Object(meta.pointee, on: device))
  }
}

@c @implementation
public func llaisysQwen2ModelDestroy(_ model: OpaquePointer?) {
  boundary("llaisysQwen2ModelDestroy", failed: ()) {
    if model != nil { try HandleTable.shared.remove(model, as: Qwen2Object.self, "model") }
  }
}

@c @implementation
public func llaisysQwen2ModelWeights(_ model: OpaquePointer?) -> UnsafeMutablePointer<LlaisysQwen2Weights>! {
  boundary("llaisysQwen2ModelWeights", failed: nil) {
    let object: Qwen2Object = try HandleTable.shared.object(model, "model")
    return try object.weights()
  }
}

@c @implementation
public func llaisysQwen2ModelInfer(_ model: OpaquePointer?, _ token_ids: UnsafePointer<Int64>?, _ ntoken: Int) -> Int64
{
  boundary("llaisysQwen2ModelInfer", failed: -1) {
    let object: Qwen2Object = try HandleTable.shared.object(model, "model")
    return try object.next(after: list(token_ids, ntoken, "token_ids"))
  }
}
