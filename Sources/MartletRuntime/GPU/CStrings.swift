/// Calls `body` with an array of C strings.
func withCStrings<Result>(
  _ strings: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> Result
) -> Result {
  let characters = strings.map { Array($0.utf8CString) }
  let offsets = characters.reduce(into: [0]) { $0.append($0.last! + $1.count) }
  return characters.flatMap { $0 }.withUnsafeBufferPointer { text in
    // A null ends the list, which also gives an empty one an address.
    let addresses = offsets.dropLast().map { UnsafePointer<CChar>?.some(text.baseAddress! + $0) } + [nil]
    return addresses.withUnsafeBufferPointer { body($0.baseAddress!) }
  }
}
