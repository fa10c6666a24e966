package import Logging
internal import Martlet
internal import MartletTemplate

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#elseif canImport(Darwin)
  internal import Darwin
#endif

/// The system's `write`, under a name that the handler's own does not hide.
private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  write(descriptor, bytes, count)
}

/// Writes each log entry as one line of JSON: time, level, message, and the entry's metadata as members.
package struct JSONLogHandler: LogHandler {
  package var logLevel: Logger.Level = .info
  package var metadata: Logger.Metadata = [:]
  package var metadataProvider: Logger.MetadataProvider?
  private let label: String
  private let write: @Sendable (String) -> Void

  /// - Parameter write: takes a whole line with its end; standard error unless something else is given.
  package init(label: String, write: @escaping @Sendable (String) -> Void = JSONLogHandler.writeToStandardError) {
    self.label = label
    self.write = write
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    var line = TemplateObject()
    line["time"] = .string(Timestamp.now().text)
    line["level"] = .string(event.level.rawValue)
    line["logger"] = .string(label)
    line["message"] = .string(event.message.description)
    var members = metadata
    members.merge(metadataProvider?.get() ?? [:]) { $1 }
    members.merge(event.metadata ?? [:]) { $1 }
    for (key, value) in members.sorted(by: { $0.key < $1.key }) where line[key] == nil {
      line[key] = Self.value(value)
    }
    // Texts, numbers and lists of these: nothing that JSON could not say.
    guard let text = try? TemplateValue.object(line).jsonText() else { return }
    write(text + "\n")
  }

  private static func value(_ value: Logger.MetadataValue) -> TemplateValue {
    switch value {
    case .string(let text): .string(text)
    case .stringConvertible(let number as Int): .int(number)
    case .stringConvertible(let number as Double): .double(number)
    case .stringConvertible(let value): .string(value.description)
    case .array(let values): .array(values.map(Self.value))
    case .dictionary(let values):
      .object(TemplateObject(values.sorted { $0.key < $1.key }.map { (key: $0.key, value: Self.value($0.value)) }))
    }
  }

  /// Writes a line at once, so that lines of several threads do not mix.
  package static func writeToStandardError(_ line: String) {
    var rest = Array(line.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { systemWrite(STDERR_FILENO, $0.baseAddress, $0.count) }
      guard count > 0 else { return }
      rest = rest.dropFirst(count)
    }
  }
}
