package import CoreMetrics
internal import Synchronization

/// A back end of swift-metrics that keeps all figures in memory and writes them in Prometheus' text format (version 0.0.4).
///
/// Counters and meters become what Prometheus calls counters and gauges; timers and aggregating recorders become
/// histograms. Labels of swift-metrics must be names that Prometheus takes.
package final class PrometheusRegistry: MetricsFactory {
  private struct Key: Hashable {
    let label: String
    let dimensions: [Dimension]
  }

  struct Dimension: Hashable, Comparable {
    let name: String
    let value: String

    static func < (left: Self, right: Self) -> Bool { (left.name, left.value) < (right.name, right.value) }
  }

  private let series = Mutex<[Key: any PrometheusSeries]>([:])
  private let help = Mutex<[String: String]>([:])
  private let buckets = Mutex<[String: [Double]]>([:])

  package init() {}

  /// Says what a figure means, in its line `# HELP`.
  package func describe(_ label: String, _ text: String, buckets: [Double]? = nil) {
    help.withLock { $0[label] = text }
    if let buckets { self.buckets.withLock { $0[label] = buckets } }
  }

  private func find<Series: PrometheusSeries>(
    _ label: String, _ dimensions: [(String, String)], _ make: () -> Series
  ) -> Series {
    let key = Key(label: label, dimensions: dimensions.map { Dimension(name: $0.0, value: $0.1) }.sorted())
    return series.withLock { series in
      if let known = series[key] as? Series { return known }
      let new = make()
      series[key] = new
      return new
    }
  }

  /// All figures, sorted by name.
  package func text() -> String {
    let all = series.withLock { $0 }
    let help = help.withLock { $0 }
    var text = ""
    let byLabel = Dictionary(grouping: all, by: \.key.label)
    for (label, entries) in byLabel.sorted(by: { $0.key < $1.key }) {
      guard let kind = entries.first?.value.kind else { continue }
      if let help = help[label] { text += "# HELP \(label) \(help)\n" }
      text += "# TYPE \(label) \(kind)\n"
      for (key, series) in entries.sorted(by: { $0.key.dimensions.lexicographicallyPrecedes($1.key.dimensions) }) {
        text += series.lines(label, key.dimensions)
      }
    }
    return text
  }

  // MARK: - MetricsFactory

  package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
    find(label, dimensions) { PrometheusCounter() }
  }

  package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
    find(label, dimensions) { PrometheusGauge() }
  }

  package func makeRecorder(
    label: String, dimensions: [(String, String)], aggregate: Bool
  ) -> any RecorderHandler {
    guard aggregate else { return find(label, dimensions) { PrometheusGauge() } }
    return find(label, dimensions) { PrometheusHistogram(bounds: bounds(of: label)) }
  }

  package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
    find(label, dimensions) { PrometheusHistogram(bounds: bounds(of: label)) }
  }

  private func bounds(of label: String) -> [Double] {
    buckets.withLock { $0[label] } ?? PrometheusHistogram.defaultBounds
  }

  // Figures live as long as the registry: Prometheus takes a counter that vanishes for a restart.
  package func destroyCounter(_ handler: any CounterHandler) {}
  package func destroyMeter(_ handler: any MeterHandler) {}
  package func destroyRecorder(_ handler: any RecorderHandler) {}
  package func destroyTimer(_ handler: any TimerHandler) {}
}
