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
    return Directory.names(in: path(of: subfolder))
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
