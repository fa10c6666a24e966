// The names of the functions below and their documentation are those of the headers.
// swift-format-ignore-file: AllPublicDeclarationsHaveDocumentation, AlwaysUseLowerCamelCase

public import CMartlet
internal import Martlet
internal import MartletEngine

/// The generation behind a handle.
private func object(_ generation: martlet_generation_t?) throws(Failure) -> GenerationObject {
  try HandleTable.shared.object(generation, "generation")
}

@c @implementation
public func martlet_generation_start(
  _ model: martlet_model_t?, _ request: UnsafePointer<martlet_request>?,
  _ generation: UnsafeMutablePointer<martlet_generation_t?>?
) -> martlet_status {
  martlet_generation_start_samples(model, request, 1, generation)
}

@c @implementation
public func martlet_generation_start_samples(
  _ model: martlet_model_t?, _ request: UnsafePointer<martlet_request>?, _ count: Int,
  _ generations: UnsafeMutablePointer<martlet_generation_t?>?
) -> martlet_status {
  boundary {
    let out = try required(generations, "generations")
    let mostSamples = 1 << 16
    guard (1...mostSamples).contains(count) else {
      throw Failure.argument("count", expected: "1 to \(mostSamples)", found: "\(UInt(bitPattern: count))")
    }
    let samples = try generation(MartletC.model(model), request).samples(count).map { GenerationObject($0) }
    for (index, handle) in try HandleTable.shared.insert(samples).enumerated() { out[index] = handle }
  }
}

@c @implementation
public func martlet_generation_next(
  _ generation: martlet_generation_t?, _ event: UnsafeMutablePointer<martlet_event>?
) -> martlet_status {
  boundary {
    let event = try required(event, "event")
    // Before an event is taken, which would be lost.
    try Versioned.check(event, "event")
    try object(generation).next { try Versioned.write($0, to: event, "event") }
  }
}

@c @implementation
public func martlet_generation_cancel(_ generation: martlet_generation_t?) -> martlet_status {
  boundary { try object(generation).cancel() }
}

@c @implementation
public func martlet_generation_free(_ generation: martlet_generation_t?) -> martlet_status {
  boundary { try HandleTable.shared.remove(generation, as: GenerationObject.self, "generation").cancel() }
}

@c @implementation
public func martlet_generate(
  _ model: martlet_model_t?, _ request: UnsafePointer<martlet_request>?, _ callback: martlet_event_callback?,
  _ user_data: UnsafeMutableRawPointer?
) -> martlet_status {
  boundary {
    guard let callback else { throw Failure.argument("callback", expected: "a function", found: "null") }
    let running = GenerationObject(try generation(MartletC.model(model), request))
    var isFinished = false
    while !isFinished {
      try running.next { event in
        isFinished = event.kind == MARTLET_EVENT_FINISHED
        let goesOn = withUnsafePointer(to: event) { callback($0, user_data) }
        guard goesOn || isFinished else {
          running.cancel()
          throw Failure(MARTLET_CANCELLED, "the callback ended the generation")
        }
      }
    }
  }
}
