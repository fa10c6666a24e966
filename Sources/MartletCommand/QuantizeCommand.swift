public import ArgumentParser
public import Martlet

extension QuantizationType: ExpressibleByArgument {}

/// `martlet quantize MODEL OUT.gguf --type q4_k`
struct QuantizeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quantize", abstract: "Write a model as one GGUF file, in fewer bits.",
    discussion: """
      Takes a folder of safetensors, its tokenizer and chat template included, or a GGUF file. llama.cpp reads the result too.
      q4_k and q5_k keep some weights in more bits, as the mixtures Q4_K_M and Q5_K_M do.
      """)

  @Argument(help: "The model.")
  var model: String

  @Argument(help: "The file to write.")
  var output: String

  @Option(parsing: .unconditional, help: "The type of the weights.")
  var type: QuantizationType

  @Option(parsing: .unconditional, help: "Threads of the processor (default: all cores).")
  var threads: Int?

  @Flag(help: "Replace the file if it is there.")
  var force = false

  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    if let threads, !(1...1024).contains(threads) {
      throw ValidationError("--threads is \(threads); it must be from 1 to 1024")
    }
  }

  func run() async throws {
    var quantizer = ModelQuantizer(model: model, type: type)
    quantizer.threads = threads
    quantizer.replacesExisting = force
    let summary = try await Interruption.cancelling { [quantizer, output, model] in
      try quantizer.write(to: output) {
        Console.note("martlet: \($0.printable)")
      } progress: {
        Console.progress("quantizing \(model)", $0)
      }
    }
    Console.write(json ? try report(summary).jsonText() + "\n" : lines(summary))
  }

  private func report(_ summary: QuantizationSummary) -> TemplateValue {
    [
      "model": .string(model), "output": .string(output), "type": .string(type.rawValue),
      "parameters": .int(summary.parameters), "bytes_read": .int(summary.bytesRead),
      "bytes_written": .int(summary.bytesWritten), "fallbacks": .int(summary.fallbacks),
      "requantized": .int(summary.requantized),
      "types": .array(
        summary.types.map { share -> TemplateValue in
          ["type": .string(share.type), "tensors": .int(share.tensors), "bytes": .int(share.bytes)]
        }),
    ]
  }

  private func lines(_ summary: QuantizationSummary) -> String {
    let bits = Double(summary.bytesWritten) * 8 / Double(max(1, summary.parameters))
    var text = "\(output): \(Self.megabytes(summary.bytesWritten)) from \(Self.megabytes(summary.bytesRead)), "
    text += "\(GenerationOutput.decimal(bits, 2)) bits a weight\n"
    for share in summary.types {
      text += "  \(share.type): \(share.tensors) tensors, \(Self.megabytes(share.bytes))\n"
    }
    if summary.fallbacks > 0 {
      text += "  \(summary.fallbacks) tensors have rows that are no whole blocks and took a type of more bits\n"
    }
    return text
  }

  private static func megabytes(_ bytes: Int) -> String {
    "\(GenerationOutput.decimal(Double(bytes) / 1_000_000, 1)) MB"
  }
}
