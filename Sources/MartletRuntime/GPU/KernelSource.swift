/// Kernels of one file as text, all that the compiler needs: nothing is included.
package struct KernelSource: Sendable {
  /// The file's name without its ending: `RMSNorm`. Code is kept under it, and a library has one source of a name.
  package let name: String
  /// Pieces in order, each with the file name that the compiler's messages shall carry.
  package let parts: [(file: String, text: String)]
  /// The most dynamic shared memory that a launch asks for, in bytes.
  package let sharedBytes: Int
  /// How much of a multiprocessor's own memory shall be shared memory, in percent; nil leaves it to the driver. Kernels that
  /// overlap have the same, since a multiprocessor divides its memory anew only when it is empty.
  package let sharedShare: Int?

  package init(
    name: String, parts: [(file: String, text: String)], sharedBytes: Int = 0, sharedShare: Int? = nil
  ) {
    self.name = name
    self.parts = parts
    self.sharedBytes = sharedBytes
    self.sharedShare = sharedShare
  }

  /// What is handed to the compiler.
  package var text: String {
    parts.map { "#line 1 \"\($0.file)\"\n\($0.text)\n" }.joined()
  }
}
