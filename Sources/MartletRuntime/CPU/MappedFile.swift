internal import Glibc

/// Why a file could not be mapped.
package struct MappedFileError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What went wrong, for callers that act on it: a missing file has an exit status of its own.
  package enum Kind: Sendable, Equatable {
    case notFound
    case isDirectory
    case notRegular
    case notReadable
    case empty
  }

  package let kind: Kind
  package let path: String
  /// The reason in words, without the path.
  package let message: String

  package var description: String { "\(path): \(message)" }
}

/// A whole regular file as read-only memory: weights are used straight from it, without a copy.
///
/// The mapping lives as long as the object and is undone by `deinit`, so whoever keeps a pointer into `bytes` keeps the
/// object. Pages are read when they are first touched. A process that shortens the file meanwhile makes the kernel
/// end this one with SIGBUS (that is how mappings work); one that overwrites it changes what is read, so what was
/// checked once is still bounded when it is read again.
package final class MappedFile: Sendable {
  /// The path as it was given.
  package let path: String

  /// The file's bytes; the first one is aligned to 64 bytes at least.
  ///
  /// Proof for `nonisolated(unsafe)`: the pointer is set once, the bytes are never written after that (the pages of a
  /// file are mapped without write permission) and are given back only by `deinit`, when no other reference exists.
  package nonisolated(unsafe) let bytes: UnsafeRawBufferPointer
  private let isMapped: Bool

  /// The file's size in bytes, at least 1.
  package var count: Int { bytes.count }

  /// Maps the file at `path`.
  ///
  /// - Throws: `MappedFileError` for a missing file, a folder, a device or pipe, a file without read permission and an
  ///   empty one.
  package init(path: String) throws(MappedFileError) {
    func failure(_ kind: MappedFileError.Kind, _ message: String) -> MappedFileError {
      MappedFileError(kind: kind, path: path, message: message)
    }
    // O_NONBLOCK so that opening a named pipe by mistake does not wait for a writer.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      let code = errno
      switch code {
      case ENOENT, ENOTDIR: throw failure(.notFound, "no such file")
      default: throw failure(.notReadable, "cannot be opened: \(Self.text(of: code))")
      }
    }
    defer { close(descriptor) }

    var status = stat()
    guard fstat(descriptor, &status) == 0 else {
      throw failure(.notReadable, "its size cannot be read: \(Self.text(of: errno))")
    }
    switch status.st_mode & S_IFMT {
    case S_IFREG: break
    case S_IFDIR: throw failure(.isDirectory, "is a folder, not a file")
    default: throw failure(.notRegular, "is a device or a pipe, not a regular file")
    }
    guard status.st_size > 0 else { throw failure(.empty, "is empty (0 bytes)") }
    guard let size = Int(exactly: status.st_size), let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0),
      start != MAP_FAILED
    else {
      throw failure(.notReadable, "its \(status.st_size) bytes cannot be mapped: \(Self.text(of: errno))")
    }
    self.path = path
    self.bytes = UnsafeRawBufferPointer(start: start, count: size)
    isMapped = true
  }

  /// A file that is in memory already, copied; `path` is its name in messages.
  ///
  /// - Throws: `MappedFileError` if it is empty, as for an empty file.
  package init(copying content: UnsafeRawBufferPointer, path: String) throws(MappedFileError) {
    guard content.count > 0 else { throw MappedFileError(kind: .empty, path: path, message: "is empty (0 bytes)") }
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: content.count, alignment: 64)
    copy.copyMemory(from: content)
    self.path = path
    bytes = UnsafeRawBufferPointer(copy)
    isMapped = false
  }

  deinit {
    if isMapped {
      munmap(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count)
    } else {
      bytes.deallocate()
    }
  }

  /// Gives back the memory of the file's pages that were read; reading them again brings them back. For whoever copied
  /// what it needs.
  package func releasePages() {
    if isMapped { madvise(UnsafeMutableRawPointer(mutating: bytes.baseAddress), bytes.count, MADV_DONTNEED) }
  }

  private static func text(of code: Int32) -> String {
    guard let text = strerror(code) else { return "error \(code)" }
    return String(cString: text)
  }
}

extension MappedFile {
  /// Whether there is something readable at a path.
  package static func exists(_ path: String) -> Bool { access(path, R_OK) == 0 }

  /// Whether there is a folder at a path.
  package static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}
