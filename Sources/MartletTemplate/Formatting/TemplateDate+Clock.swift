#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

extension TemplateDate {
  /// The date and time of day now, in the time zone of this machine.
  public static func now() -> TemplateDate {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    var seconds = time.tv_sec
    var parts = tm()
    localtime_r(&seconds, &parts)
    let date = TemplateDate(
      year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday), hour: Int(parts.tm_hour),
      // A leap second counts as the one before it.
      minute: Int(parts.tm_min), second: min(Int(parts.tm_sec), 59), microsecond: Int(time.tv_nsec) / 1000)
    return date ?? epoch
  }

  /// What a clock set to a year that no calendar has shows.
  private static let epoch: TemplateDate = {
    guard let date = TemplateDate(year: 1970, month: 1, day: 1) else { preconditionFailure("1970 began") }
    return date
  }()
}
