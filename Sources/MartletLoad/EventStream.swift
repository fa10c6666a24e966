/// Takes server-sent events apart, in whatever pieces they come: fields other than `data` are left out.
/// Method: https://html.spec.whatwg.org/multipage/server-sent-events.html
struct EventStream {
  /// What is an event's data at most; more is no answer of a model's.
  static let longest = 1 << 24

  private var line: [UInt8] = []
  private var data: [UInt8]?
  private var lastWasReturn = false

  /// The data of the events that end in `bytes`.
  /// - Throws: `RequestFailure.malformed` if an event goes on for ever.
  mutating func events(_ bytes: some Sequence<UInt8>) throws(RequestFailure) -> [[UInt8]] {
    var events: [[UInt8]] = []
    for byte in bytes {
      defer { lastWasReturn = byte == 0x0D }
      switch byte {
      case 0x0A where lastWasReturn: continue
      case 0x0A, 0x0D: if let event = endLine() { events.append(event) }
      default:
        line.append(byte)
        guard line.count + (data?.count ?? 0) <= Self.longest else {
          throw .malformed("an event of more than \(Self.longest) bytes")
        }
      }
    }
    return events
  }

  /// Ends a line; an empty one ends the event.
  private mutating func endLine() -> [UInt8]? {
    defer { line.removeAll(keepingCapacity: true) }
    if line.isEmpty {
      defer { data = nil }
      return data
    }
    guard line.starts(with: "data:".utf8) else { return nil }
    let value = line.dropFirst(line.count > 5 && line[5] == 0x20 ? 6 : 5)
    data = data.map { $0 + [0x0A] + value } ?? Array(value)
    return nil
  }
}
