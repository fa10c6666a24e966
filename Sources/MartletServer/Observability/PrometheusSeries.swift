internal import CoreMetrics
internal import Synchronization

/// The figures of one name and one set of labels.
protocol PrometheusSeries: AnyObject, Sendable {
  /// Prometheus' word for what this is.
  var kind: String { get }
  func lines(_ label: String, _ dimensions: [PrometheusRegistry.Dimension]) -> String
}

/// Only grows.
final class PrometheusCounter: PrometheusSeries, CounterHandler {
  private let value = Atomic<Int64>(0)
  let kind = "counter"

  func increment(by amount: Int64) { value.wrappingAdd(max(amount, 0), ordering: .relaxed) }

  func reset() { value.store(0, ordering: .relaxed) }

  func lines(_ label: String, _ dimensions: [PrometheusRegistry.Dimension]) -> String {
    PrometheusText.line(label, dimensions, Double(value.load(ordering: .relaxed)))
  }
}

/// Goes up and down.
final class PrometheusGauge: PrometheusSeries, MeterHandler, RecorderHandler {
  private let value = Mutex<Double>(0)
  let kind = "gauge"

  func set(_ value: Int64) { set(Double(value)) }
  func set(_ value: Double) { self.value.withLock { $0 = value } }
  func increment(by amount: Double) { value.withLock { $0 += amount } }
  func decrement(by amount: Double) { value.withLock { $0 -= amount } }
  func record(_ value: Int64) { set(Double(value)) }
  func record(_ value: Double) { set(value) }

  func lines(_ label: String, _ dimensions: [PrometheusRegistry.Dimension]) -> String {
    PrometheusText.line(label, dimensions, value.withLock { $0 })
  }
}

/// Counts values by size. Timers count seconds.
final class PrometheusHistogram: PrometheusSeries, RecorderHandler, TimerHandler {
  private struct State {
    var counts: [Int]
    var sum = 0.0
  }

  /// From a millisecond to two minutes.
  static let defaultBounds = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120,
  ]

  private let bounds: [Double]
  private let state: Mutex<State>
  let kind = "histogram"

  init(bounds: [Double]) {
    self.bounds = bounds
    state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
  }

  func record(_ value: Int64) { record(Double(value)) }

  func record(_ value: Double) {
    let place = bounds.firstIndex { value <= $0 } ?? bounds.count
    state.withLock { state in
      state.counts[place] += 1
      state.sum += value
    }
  }

  func recordNanoseconds(_ duration: Int64) { record(Double(duration) * 1e-9) }

  func lines(_ label: String, _ dimensions: [PrometheusRegistry.Dimension]) -> String {
    let state = state.withLock { $0 }
    var text = ""
    var count = 0
    for (index, bound) in bounds.enumerated() {
      count += state.counts[index]
      text += PrometheusText.line(
        label + "_bucket", dimensions + [.init(name: "le", value: PrometheusText.number(bound))], Double(count))
    }
    count += state.counts[bounds.count]
    text += PrometheusText.line(label + "_bucket", dimensions + [.init(name: "le", value: "+Inf")], Double(count))
    text += PrometheusText.line(label + "_sum", dimensions, state.sum)
    text += PrometheusText.line(label + "_count", dimensions, Double(count))
    return text
  }
}

/// Prometheus' text format.
enum PrometheusText {
  static func line(_ label: String, _ dimensions: [PrometheusRegistry.Dimension], _ value: Double) -> String {
    let labels = dimensions.map { "\($0.name)=\"\(escaped($0.value))\"" }.joined(separator: ",")
    return label + (labels.isEmpty ? "" : "{\(labels)}") + " \(number(value))\n"
  }

  static func number(_ value: Double) -> String {
    if let whole = Int(exactly: value) { return String(whole) }
    return value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Inf" : "+Inf") : "\(value)"
  }

  private static func escaped(_ text: String) -> String {
    var result = ""
    for character in text.unicodeScalars {
      switch character {
      case "\\": result += "\\\\"
      case "\"": result += "\\\""
      case "\n": result += "\\n"
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }
}
