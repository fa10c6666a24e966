/// A date and time of day as a clock on the wall shows them, without a time zone: what `strftime_now` formats.
public struct TemplateDate: Sendable, Equatable {
  /// The year of the Gregorian calendar.
  public let year: Int
  /// 1 for January to 12 for December.
  public let month: Int
  /// The day of the month, from 1.
  public let day: Int
  /// The hour, from 0 to 23.
  public let hour: Int
  /// The minute, from 0 to 59.
  public let minute: Int
  /// The second, from 0 to 59.
  public let second: Int
  /// The microsecond, from 0 to 999,999.
  public let microsecond: Int

  /// Makes a date; nil when there is no such day or time.
  public init?(
    year: Int, month: Int, day: Int, hour: Int = 0, minute: Int = 0, second: Int = 0, microsecond: Int = 0
  ) {
    guard (1...9999).contains(year), (1...12).contains(month), day >= 1,
      day <= TemplateDate.length(ofMonth: month, year: year), (0...23).contains(hour), (0...59).contains(minute),
      (0...59).contains(second), (0...999_999).contains(microsecond)
    else { return nil }
    (self.year, self.month, self.day) = (year, month, day)
    (self.hour, self.minute, self.second, self.microsecond) = (hour, minute, second, microsecond)
  }

  /// Reads `2026-01-02`, `2026-01-02T03:04` or `2026-01-02T03:04:05`, with a blank in place of the `T` if wished.
  public init?(iso8601 text: String) {
    let bytes = Array(text.utf8)
    func number(_ start: Int, _ length: Int) -> Int? {
      guard start + length <= bytes.count, bytes[start..<(start + length)].allSatisfy({ (0x30...0x39).contains($0) })
      else { return nil }
      return Int(String(decoding: bytes[start..<(start + length)], as: UTF8.self))
    }
    func separated(_ position: Int, by separators: String) -> Bool { separators.utf8.contains(bytes[position]) }
    guard [10, 16, 19].contains(bytes.count), separated(4, by: "-"), separated(7, by: "-"),
      let year = number(0, 4), let month = number(5, 2), let day = number(8, 2)
    else { return nil }
    var time = (hour: 0, minute: 0, second: 0)
    if bytes.count > 10 {
      guard separated(10, by: "T "), separated(13, by: ":"), let hour = number(11, 2), let minute = number(14, 2) else {
        return nil
      }
      (time.hour, time.minute) = (hour, minute)
    }
    if bytes.count > 16 {
      guard separated(16, by: ":"), let second = number(17, 2) else { return nil }
      time.second = second
    }
    self.init(
      year: year, month: month, day: day, hour: time.hour, minute: time.minute, second: time.second)
  }

  private static func isLeap(_ year: Int) -> Bool { year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) }

  private static func length(ofMonth month: Int, year: Int) -> Int {
    month == 2 && isLeap(year) ? 29 : [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
  }

  // MARK: Calendar

  /// The day of the year, from 1.
  private var dayOfYear: Int {
    (1..<month).reduce(day) { $0 + TemplateDate.length(ofMonth: $1, year: year) }
  }

  /// 0 for Sunday to 6 for Saturday.
  private var weekday: Int {
    let before = year - 1
    return (before * 365 + before / 4 - before / 100 + before / 400 + dayOfYear) % 7
  }

  /// The week that ISO 8601 counts the day to, and the year of that week.
  private var isoWeek: (year: Int, week: Int) {
    let fromMonday = (weekday + 6) % 7
    let week = (dayOfYear - 1 - fromMonday + 10) / 7
    if week < 1 {
      let last = TemplateDate(year: max(year - 1, 1), month: 12, day: 31)
      return (year - 1, last?.isoWeek.week ?? 52)
    }
    let daysInYear = TemplateDate.isLeap(year) ? 366 : 365
    // The days after the last Thursday belong to the year that follows.
    if dayOfYear - fromMonday + 3 > daysInYear { return (year + 1, 1) }
    return (year, week)
  }

  private static let monthNames = [
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
  ]
  private static let dayNames = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

  // MARK: Formatting

  /// The text that C's `strftime` makes in the C locale, as Python calls it for a date without a time zone. `-`, `_`
  /// and `0` after the `%` choose the padding, `^` capitals. An unknown directive stays as it is.
  public func formatted(_ format: String) -> String {
    var result = ""
    var rest = format.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      guard scalar == "%" else {
        result.unicodeScalars.append(scalar)
        continue
      }
      var flags: [Unicode.Scalar] = []
      while let flag = rest.first, "-_0^".unicodeScalars.contains(flag) {
        flags.append(flag)
        rest.removeFirst()
      }
      guard let directive = rest.popFirst() else {
        result += "%" + flags.map { String($0) }.joined()
        break
      }
      let text = field(directive, flags) ?? "%" + flags.map { String($0) }.joined() + String(directive)
      result += flags.contains("^") ? text.uppercased() : text
    }
    return result
  }

  private func field(_ directive: Unicode.Scalar, _ flags: [Unicode.Scalar]) -> String? {
    func padded(_ number: Int, _ width: Int, with fill: String = "0") -> String {
      var fill = fill
      for flag in flags where flag != "^" { fill = flag == "-" ? "" : flag == "_" ? " " : "0" }
      let digits = String(number)
      return String(repeating: fill, count: max(0, width - digits.utf8.count)) + digits
    }
    let hour12 = hour % 12 == 0 ? 12 : hour % 12
    switch directive {
    case "Y": return String(year)
    case "y": return padded(year % 100, 2)
    case "C": return padded(year / 100, 2)
    case "G": return String(isoWeek.year)
    case "g": return padded(isoWeek.year % 100, 2)
    case "m": return padded(month, 2)
    case "d": return padded(day, 2)
    case "e": return padded(day, 2, with: " ")
    case "j": return padded(dayOfYear, 3)
    case "H": return padded(hour, 2)
    case "I": return padded(hour12, 2)
    case "k": return padded(hour, 2, with: " ")
    case "l": return padded(hour12, 2, with: " ")
    case "M": return padded(minute, 2)
    case "S": return padded(second, 2)
    case "f": return padded(microsecond, 6)
    case "u": return padded(weekday == 0 ? 7 : weekday, 1)
    case "w": return padded(weekday, 1)
    case "U": return padded((dayOfYear + 6 - weekday) / 7, 2)
    case "W": return padded((dayOfYear + 6 - (weekday + 6) % 7) / 7, 2)
    case "V": return padded(isoWeek.week, 2)
    case "B": return TemplateDate.monthNames[month - 1]
    case "b", "h": return String(TemplateDate.monthNames[month - 1].prefix(3))
    case "A": return TemplateDate.dayNames[weekday]
    case "a": return String(TemplateDate.dayNames[weekday].prefix(3))
    case "p": return hour < 12 ? "AM" : "PM"
    case "P": return hour < 12 ? "am" : "pm"
    case "n": return "\n"
    case "t": return "\t"
    case "%": return "%"
    case "z", "Z": return ""
    default: return TemplateDate.compositions[directive].map { formatted($0) }
    }
  }

  private static let compositions: [Unicode.Scalar: String] = [
    "c": "%a %b %e %H:%M:%S %Y", "D": "%m/%d/%y", "x": "%m/%d/%y", "F": "%Y-%m-%d", "T": "%H:%M:%S", "X": "%H:%M:%S",
    "R": "%H:%M", "r": "%I:%M:%S %p",
  ]
}
