/// A kind of file that comes from outside, and what Martlet does with one.
///
/// A target takes any bytes for a file, reads them the way the engine does and uses what was read. Whatever the bytes are, a
/// run ends soon, in little memory, without a trap; what is wrong with them ends in errors that say so. `make fuzz` runs the
/// targets under libFuzzer, the tests run them on the committed files.
package enum FuzzTarget: String, CaseIterable, Sendable {
  /// A GGUF file: header, configuration, vocabulary, template, weights.
  case gguf
  /// A safetensors file, or the index of a folder of them.
  case safetensors
  /// `config.json`, then `generation_config.json`.
  case config
  /// `tokenizer.json`, then a text, `tokenizer_config.json`, `special_tokens_map.json` and `generation_config.json`.
  case tokenizer
  /// A chat template, then the conversation as JSON.
  case template

  /// Reads and uses `input`.
  /// - Returns: what was refused, in the words that a user would read; empty if everything was accepted.
  @discardableResult
  package func run(_ input: UnsafeRawBufferPointer) -> [String] {
    var refusals = Refusals()
    switch self {
    case .gguf: fuzzGGUF(input, &refusals)
    case .safetensors: fuzzSafetensors(input, &refusals)
    case .config: fuzzConfiguration(input, &refusals)
    case .tokenizer: fuzzTokenizer(input, &refusals)
    case .template: fuzzTemplate(input, &refusals)
    }
    return refusals.messages
  }
}

/// Errors that a target met.
struct Refusals {
  private(set) var messages: [String] = []

  /// Runs what may refuse its input.
  /// - Returns: what `body` returns; nil if it threw.
  @discardableResult
  mutating func collect<Result>(_ body: (inout Refusals) throws -> Result) -> Result? {
    do {
      return try body(&self)
    } catch {
      let message = "\(error)"
      precondition(!message.isEmpty, "an error of type \(type(of: error)) has no words")
      messages.append(message)
      return nil
    }
  }
}

/// The parts of an input that NUL bytes separate: several files, or a file and what to do with it, in one. The last of the
/// `count` parts has whatever is left; parts that are not there are empty.
func sections(_ input: UnsafeRawBufferPointer, count: Int) -> [UnsafeRawBufferPointer] {
  var parts = input.split(separator: 0, maxSplits: count - 1, omittingEmptySubsequences: false)
    .map { UnsafeRawBufferPointer(rebasing: $0) }
  while parts.count < count { parts.append(UnsafeRawBufferPointer(start: nil, count: 0)) }
  return parts
}

/// Reads every byte, so that memory that does not belong to the input is noticed.
func touch(_ bytes: UnsafeRawBufferPointer) {
  let sum = bytes.reduce(0) { $0 &+ UInt64($1) }
  precondition(sum <= UInt64(bytes.count) * 255, "the sum of \(bytes.count) bytes is \(sum)")
}
