internal import CMartletDriver
internal import Glibc

/// How a library of a vendor was looked for: every place that was tried, in order, and what came of it.
package struct LibrarySearch: Sendable, Equatable {
  /// One place.
  package struct Attempt: Sendable, Equatable {
    /// A path, or a bare name that the system looks up in its own order.
    package let place: String
    /// Why it was not that one; nil for the one that was taken.
    package let failure: String?
  }

  /// What was looked for: `CUDA driver`.
  package let purpose: String
  /// The environment variable that names a file to take in place of all others.
  package let variable: String
  package internal(set) var attempts: [Attempt] = []
  /// The file that was loaded; nil if none was.
  package internal(set) var path: String?
  /// Its version, as `12.4`; nil if none was loaded or it does not say.
  package internal(set) var version: String?
  /// Functions that it lacks and that can be done without.
  package internal(set) var lacking: [String] = []

  package init(purpose: String, variable: String) { (self.purpose, self.variable) = (purpose, variable) }

  /// Why none was taken, in one sentence; nil if one was.
  package var failure: String? {
    guard path == nil else { return nil }
    // Most places have no such file, which says little beside one that has a file that cannot be used.
    let told = attempts.filter { $0.failure?.contains("No such file or directory") == false }
    let details = (told.isEmpty ? attempts.prefix(1) : told[...]).map { "\($0.place): \($0.failure ?? "")" }
    return
      "no usable \(purpose) in \(attempts.count) places (\(details.joined(separator: "; "))); set \(variable) to its path"
  }
}

/// Opens libraries of vendors.
enum VendorLibrary {
  /// Tries places in order until one has a library with all functions of a table.
  /// - Parameters:
  ///   - names: file names, newest first.
  ///   - folders: where to look after the system's own order.
  ///   - prepare: called with the folder of a library that is about to be opened.
  ///   - fill: looks the functions up, and names one that is missing.
  static func open<Table>(
    _ search: inout LibrarySearch, names: [String], folders: [String], prepare: (_ folder: String) -> Void = { _ in },
    fill: (UnsafeMutableRawPointer, UnsafeMutablePointer<Table>) -> UnsafePointer<CChar>?
  ) -> Table? {
    open(
      &search, places: names + folders.flatMap { folder in names.map { "\(folder)/\($0)" } }, prepare: prepare,
      fill: fill)
  }

  /// Tries places in order until one has a library with all functions of a table.
  /// - Parameters:
  ///   - places: paths, and bare names that the system looks up; none of them if the search's variable names a file.
  ///   - refusal: why a library that has all functions is not to be used; nil if it is.
  static func open<Table>(
    _ search: inout LibrarySearch, places: [String], prepare: (_ folder: String) -> Void = { _ in },
    refusal: (Table) -> String? = { _ in nil },
    fill: (UnsafeMutableRawPointer, UnsafeMutablePointer<Table>) -> UnsafePointer<CChar>?
  ) -> Table? {
    var places = places
    if let named = environment(search.variable) { places = [named] }
    for place in places {
      if let slash = place.lastIndex(of: "/") {
        guard access(place, F_OK) == 0 else {
          search.attempts.append(.init(place: place, failure: String(cString: strerror(errno))))
          continue
        }
        prepare(String(place[..<slash]))
      }
      var reason = [CChar](repeating: 0, count: 512)
      guard let library = martlet_library_open(place, &reason, reason.count) else {
        var failure = Directory.text(Array(reason.prefix { $0 != 0 }) + [0])
        // The loader names the place too.
        if failure.hasPrefix(place + ": ") { failure.removeFirst(place.count + 2) }
        search.attempts.append(.init(place: place, failure: failure))
        continue
      }
      let table = UnsafeMutablePointer<Table>.allocate(capacity: 1)
      defer { table.deallocate() }
      memset(table, 0, MemoryLayout<Table>.size)
      if let missing = fill(library, table) {
        search.attempts.append(
          .init(place: place, failure: "it lacks \(String(cString: missing)); a newer one is needed"))
        dlclose(library)
        continue
      }
      if let refusal = refusal(table.pointee) {
        search.attempts.append(.init(place: place, failure: refusal))
        dlclose(library)
        continue
      }
      search.attempts.append(.init(place: place, failure: nil))
      search.path = path(of: UnsafeRawPointer(table).load(as: UnsafeRawPointer.self)) ?? place
      return table.pointee
    }
    return nil
  }

  /// The file that a function was loaded from.
  private static func path(of function: UnsafeRawPointer) -> String? {
    var path = [CChar](repeating: 0, count: 4096)
    martlet_library_path(function, &path, path.count)
    return path[0] == 0 ? nil : Directory.text(Array(path.prefix { $0 != 0 }) + [0])
  }

  /// An environment variable that is set and not empty.
  static func environment(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
  }
}
