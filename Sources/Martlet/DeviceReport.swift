internal import MartletRuntime
internal import MartletTemplate

extension Report {
  /// The devices of this machine, and why one is missing.
  public static func devices() -> Report {
    let families = [cpu, gpu(.cuda, CUDARuntimeAPI()), gpu(.metax, MetaXRuntimeAPI())]
    return Report(text: families.map(\.text).joined(), json: .array(families.flatMap(\.devices)))
  }

  private typealias Family = (text: String, devices: [TemplateValue])

  private static var cpu: Family {
    let threads = ThreadPool.defaultThreadCount
    let chosen = (try? InstructionSet.preferred().name) ?? "none"
    let sets = InstructionSet.available
    return (
      "cpu: \(threads) cores, instruction set \(chosen) (can run \(sets.joined(separator: ", ")))\n",
      [
        [
          "device": "cpu", "available": true, "cores": .int(threads), "instruction_set": .string(chosen),
          "instruction_sets": .array(sets.map { .string($0) }),
        ]
      ]
    )
  }

  private static func gpu(_ kind: Device.Kind, _ api: any GPUAPI) -> Family {
    let family = kind.rawValue
    do throws(RuntimeError) {
      let count = try api.deviceCount()
      guard count > 0 else { return missing(family, "the driver finds no device") }
      let descriptions = try (0..<count).map { index throws(RuntimeError) in try api.describe(index) }
      // Without a compiler there are devices and no kernels.
      let compiler = Result { () throws(RuntimeError) in try api.compilerIdentity() }
      var text = ""
      var devices: [TemplateValue] = []
      for (index, device) in descriptions.enumerated() {
        let gigabytes = (Double(device.memory) / 1e9 * 10).rounded() / 10
        text +=
          "\(family):\(index): \(device.name), \(gigabytes) GB, \(device.processors) processors, \(device.architecture)"
        var value: [String: TemplateValue] = [
          "name": .string(device.name), "memory": .int(device.memory), "processors": .int(device.processors),
          "architecture": .string(device.architecture),
        ]
        if case .failure(let error) = compiler {
          text += "; not usable: \(error)"
          value["reason"] = .string("\(error)")
        }
        text += "\n"
        var object = TemplateObject()
        object["device"] = .string("\(family):\(index)")
        object["available"] = .bool((try? compiler.get()) != nil)
        for key in value.keys.sorted() { object[key] = value[key] }
        devices.append(.object(object))
      }
      return (text, devices)
    } catch {
      return missing(family, reason(error))
    }
  }

  private static func missing(_ kind: String, _ reason: String) -> Family {
    ("\(kind): none, \(reason)\n", [["device": .string(kind), "available": false, "reason": .string(reason)]])
  }

  private static func reason(_ error: RuntimeError) -> String {
    if case .deviceUnavailable(_, let reason) = error { reason } else { "\(error)" }
  }
}
