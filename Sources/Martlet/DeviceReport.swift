internal import MartletRuntime
internal import MartletTemplate

extension Report {
  /// The devices of this machine.
  public static func devices() -> Report {
    let threads = ThreadPool.defaultThreadCount
    let chosen = (try? InstructionSet.preferred().name) ?? "none"
    let sets = InstructionSet.available
    let missing = "not part of this build"
    var lines = "cpu: \(threads) cores, instruction set \(chosen) (can run \(sets.joined(separator: ", ")))\n"
    for kind in ["cuda", "metax"] { lines += "\(kind): none, \(missing)\n" }
    let cpu: TemplateValue = [
      "device": "cpu", "available": true, "cores": .int(threads), "instruction_set": .string(chosen),
      "instruction_sets": .array(sets.map { .string($0) }),
    ]
    let others = ["cuda", "metax"].map { kind -> TemplateValue in
      ["device": .string(kind), "available": false, "reason": .string(missing)]
    }
    return Report(text: lines, json: .array([cpu] + others))
  }
}
