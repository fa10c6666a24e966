/// Bytes for people, in powers of 1000: "1 byte", "812 bytes", "64 kB", "1.35 GB".
package enum ByteCount {
  package static func text(_ bytes: Int) -> String {
    let units = ["kB", "MB", "GB", "TB", "PB", "EB"]
    guard bytes >= 1000 else { return bytes == 1 ? "1 byte" : "\(bytes) bytes" }
    var unit = 0
    var thousandths = bytes  // of the unit
    while thousandths >= 999_500, unit + 1 < units.count {
      thousandths /= 1000
      unit += 1
    }
    // Three digits, which is what a person compares.
    if thousandths >= 99_950 { return "\((thousandths + 500) / 1000) \(units[unit])" }
    if thousandths >= 9995 {
      let tenths = (thousandths + 50) / 100
      return "\(tenths / 10).\(tenths % 10) \(units[unit])"
    }
    let hundredths = (thousandths + 5) / 10
    let fraction = hundredths % 100
    return "\(hundredths / 100).\(fraction < 10 ? "0" : "")\(fraction) \(units[unit])"
  }
}
