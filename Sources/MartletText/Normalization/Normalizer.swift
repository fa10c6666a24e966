/// One step that rewrites text before it is cut into words, as Hugging Face tokenizers' normalizers of the same names do.
enum Normalizer: Sendable, Equatable {
  case form(NormalizationForm)
  case lowercase
  case stripAccents
  case strip(left: Bool, right: Bool)
  /// Puts a text first, unless there is nothing to put it before.
  case prepend([UInt8])
  case replace([UInt8], with: [UInt8])
  /// `Replace` with the regular expression ` {2,}`: each run of at least two spaces becomes one text.
  case replaceSpaces(with: [UInt8])

  /// Appends `text`, which is valid UTF-8, rewritten.
  /// - Parameter startsAtOrigin: Whether the first character comes from the first one of the original text; turns false
  ///   where that is taken out.
  func append(_ text: UnsafeBufferPointer<UInt8>, to output: inout [UInt8], startsAtOrigin: inout Bool) {
    guard let base = text.baseAddress, !text.isEmpty else { return }
    switch self {
    case .form(let form): form.append(text, to: &output)
    case .lowercase: Self.appendLowercase(text, base, to: &output)
    case .stripAccents:
      if ScalarRanges.accents.contains(Scanner.scalar(base, 0).value) { startsAtOrigin = false }
      Self.appendWithoutAccents(text, base, to: &output)
    case .strip(let left, let right):
      let scanner = Scanner(text: base)
      var end = text.count
      let start = left ? scanner.run(of: UnicodeClass.whiteSpace, from: 0, to: end) : 0
      if right {
        while end > start, scanner.step(at: scanner.previous(end)).bits & UnicodeClass.whiteSpace != 0 {
          end = scanner.previous(end)
        }
      }
      if start > 0 { startsAtOrigin = false }
      output += text[start..<end]
    case .prepend(let prefix):
      output += prefix
      output += text
    case .replace(let pattern, let content):
      Self.replace(pattern, with: content, text, base, &output, &startsAtOrigin)
    case .replaceSpaces(let content):
      Self.replaceSpaces(with: content, text, &output, &startsAtOrigin)
    }
  }

  private static func appendLowercase(
    _ text: UnsafeBufferPointer<UInt8>, _ base: UnsafePointer<UInt8>, to output: inout [UInt8]
  ) {
    let mapping = ScalarRanges.lowercase
    var index = 0
    while index < text.count {
      let byte = base[index]
      if byte < 0x80 {
        output.append(byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte)
        index += 1
        continue
      }
      let (scalar, length) = Scanner.scalar(base, index)
      if let lower = mapping[scalar] {
        for scalar in lower { NormalizationForm.encode(scalar, into: &output) }
      } else {
        output += text[index..<index + length]
      }
      index += length
    }
  }

  private static func appendWithoutAccents(
    _ text: UnsafeBufferPointer<UInt8>, _ base: UnsafePointer<UInt8>, to output: inout [UInt8]
  ) {
    let accents = ScalarRanges.accents
    var copied = 0
    var index = 0
    while index < text.count {
      let (scalar, length) = Scanner.scalar(base, index)
      if scalar >= 0x80 && accents.contains(scalar) {
        output += text[copied..<index]
        copied = index + length
      }
      index += length
    }
    output += text[copied...]
  }

  private static func replace(
    _ pattern: [UInt8], with content: [UInt8], _ text: UnsafeBufferPointer<UInt8>, _ base: UnsafePointer<UInt8>,
    _ output: inout [UInt8], _ startsAtOrigin: inout Bool
  ) {
    output.reserveCapacity(output.count + text.count)
    var copied = 0
    var index = 0
    let first = pattern[0]
    pattern.withUnsafeBufferPointer { pattern in
      guard let wanted = pattern.baseAddress else { return }
      while index <= text.count - pattern.count {
        if base[index] == first && ByteHash.isEqual(base + index, wanted, pattern.count) {
          output += text[copied..<index]
          output += content
          // New characters take the place of the last one replaced.
          let isOneScalar = pattern.dropFirst().allSatisfy { $0 & 0xC0 == 0x80 }
          if index == 0 && (content.isEmpty || !isOneScalar) { startsAtOrigin = false }
          index += pattern.count
          copied = index
        } else {
          index += 1
        }
      }
    }
    output += text[copied...]
  }

  private static func replaceSpaces(
    with content: [UInt8], _ text: UnsafeBufferPointer<UInt8>, _ output: inout [UInt8], _ startsAtOrigin: inout Bool
  ) {
    var index = 0
    while index < text.count {
      var end = index
      while end < text.count && text[end] == 0x20 { end += 1 }
      if end - index >= 2 {
        if index == 0 { startsAtOrigin = false }
        output += content
      } else {
        end = index + 1
        output.append(text[index])
      }
      index = end
    }
  }
}
