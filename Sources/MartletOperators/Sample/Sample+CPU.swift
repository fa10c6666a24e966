import MartletRuntime
import MartletTensor

extension Sample {
  func runOnCPU(_ stream: Stream) {
    let words = rules.pointer(as: Int32.self)
    let tokens = out.pointer(as: Int32.self)
    stream.pool.forEachRange(logits.count, grain: Work.rowGrain(width: logits.width)) { rows, _ in
      var scratch = SamplingScratch()
      for row in rows {
        let values = UnsafeBufferPointer(
          start: logits[row].assumingMemoryBound(to: Float.self), count: logits.width)
        let rule = SamplingRule(words: words + row * SamplingRule.wordCount)
        let isComparable = values.allSatisfy { $0 < .infinity }
        tokens[row] = isComparable ? rule.choose(from: values, scratch: &scratch) ?? -1 : -1
      }
    }
  }
}
