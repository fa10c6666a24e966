/// What a file that is mistaken for a model, or named like one, often is: told by its first bytes.
enum ForeignFile {
  /// A sentence that says what the file is and what to do, with ". " before it; empty if nothing is known of it.
  static func hint(_ bytes: UnsafeRawBufferPointer) -> String {
    func begins(_ text: StaticString) -> Bool {
      bytes.count >= text.utf8CodeUnitCount
        && text.withUTF8Buffer { expected in bytes.prefix(expected.count).elementsEqual(expected) }
    }
    if begins("version https://git-lfs") {
      return ". It is a Git LFS pointer: fetch the file itself with 'git lfs pull'"
    }
    if begins("<") { return ". It is a web page: the download went wrong" }
    if begins("lmgg") || begins("tjgg") || begins("fmgg") || begins("algg") {
      return ". It is a model in an older ggml format: convert it again"
    }
    if begins("GGUF") { return ". It is a GGUF file: name it .gguf and give its own path" }
    if begins("PK") { return ". It is a zip file, as PyTorch's pickles are" + pickleAdvice }
    if isPickle(bytes) { return ". It is a Python pickle" + pickleAdvice }
    return ""
  }

  static let pickleAdvice =
    ". Reading a pickle can run code, so Martlet never does: convert the model to safetensors "
    + "(in transformers: model.save_pretrained(folder))"

  /// Whether the bytes begin as a pickle of protocol 2 to 5 does: with the opcode PROTO and the protocol's number, as those
  /// of PyTorch before its zip files do too.
  private static func isPickle(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count >= 3 && bytes[0] == 0x80 && (2...5).contains(bytes[1])
  }
}
