internal import Glibc

/// What lies in a folder.
package enum Directory {
  /// The names in a folder without `.` and `..`, sorted; none if it cannot be read.
  package static func names(in folder: String) -> [String] {
    entries(in: Array(folder.utf8CString)).map(text).sorted()
  }

  /// The same as the bytes that they are, each ended by a zero: not every name is UTF-8.
  package static func entries(in folder: [CChar]) -> [[CChar]] {
    guard let stream = opendir(folder), let nameOffset = MemoryLayout<dirent>.offset(of: \.d_name) else { return [] }
    defer { closedir(stream) }
    var entries: [[CChar]] = []
    while let entry = readdir(stream) {
      // By address: the kernel's entries may be shorter than the struct, whose copy would read beyond them.
      let bytes = UnsafeRawPointer(entry).advanced(by: nameOffset).assumingMemoryBound(to: CChar.self)
      let name = Array(UnsafeBufferPointer(start: bytes, count: strlen(bytes) + 1))
      if name != Array(".".utf8CString), name != Array("..".utf8CString) { entries.append(name) }
    }
    return entries
  }

  /// A name or path for people and for what only takes text. What is not UTF-8 in it is replaced.
  package static func text(_ name: [CChar]) -> String {
    String(decoding: name.dropLast().map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
  }
}
