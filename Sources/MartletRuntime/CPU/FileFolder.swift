internal import Glibc

/// Files that lie side by side: in a folder, or in memory under the names that they would have in one.
package struct FileFolder: Sendable {
  /// The folder's path; of files in memory what stands for it in messages.
  package let path: String
  /// The files in memory; nil for a folder.
  private let contents: [String: MappedFile]?

  /// The folder at `path`, whose files are mapped when they are asked for.
  package init(path: String) {
    self.path = path
    contents = nil
  }

  /// Files in memory by their names.
  package init(path: String, contents: [String: MappedFile]) {
    self.path = path
    self.contents = contents
  }

  /// The path of the file `name`, whether or not it is there.
  package func path(of name: String) -> String { path + "/" + name }

  /// Whether there is a file `name` that can be read.
  package func contains(_ name: String) -> Bool {
    if let contents { contents[name] != nil } else { MappedFile.exists(path(of: name)) }
  }

  /// The names of the files in a folder within this one, sorted; none if it is not there.
  package func names(in subfolder: String) -> [String] {
    let prefix = subfolder + "/"
    if let contents {
      return contents.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }.sorted()
    }
    guard let stream = opendir(path(of: subfolder)), let nameOffset = MemoryLayout<dirent>.offset(of: \.d_name) else {
      return []
    }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      // By address: the kernel's entries may be shorter than the struct, whose copy would read beyond them.
      let bytes = UnsafeRawPointer(entry).advanced(by: nameOffset).assumingMemoryBound(to: CChar.self)
      let name = String(cString: bytes)
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// The file `name`.
  /// - Throws: `MappedFileError` if there is none, or none that can be mapped.
  package func file(_ name: String) throws(MappedFileError) -> MappedFile {
    guard let contents else { return try MappedFile(path: path(of: name)) }
    guard let file = contents[name] else {
      throw MappedFileError(kind: .notFound, path: path(of: name), message: "no such file")
    }
    return file
  }
}
