internal import CMartlet
import Glibc

// Results that belong to the caller come from malloc, and `martlet_free` is free.

/// Hands bytes to the caller, followed by a zero byte that `length` does not count.
func give(
  _ bytes: some Collection<UInt8>, _ text: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>,
  _ length: UnsafeMutablePointer<Int>?
) throws(Failure) {
  let count = bytes.count
  let memory = try allocate(count + 1)
  let buffer = UnsafeMutableRawBufferPointer(start: memory, count: count + 1)
  buffer.copyBytes(from: bytes)
  buffer[count] = 0
  text.pointee = memory.assumingMemoryBound(to: CChar.self)
  length?.pointee = count
}

/// Hands a list to the caller.
func give<Element: BitwiseCopyable>(
  _ elements: [Element], _ list: UnsafeMutablePointer<UnsafeMutablePointer<Element>?>,
  _ count: UnsafeMutablePointer<Int>
) throws(Failure) {
  let memory = try allocate(max(1, elements.count) * MemoryLayout<Element>.stride)
  elements.withUnsafeBytes { UnsafeMutableRawBufferPointer(start: memory, count: $0.count).copyMemory(from: $0) }
  list.pointee = memory.assumingMemoryBound(to: Element.self)
  count.pointee = elements.count
}

private func allocate(_ bytes: Int) throws(Failure) -> UnsafeMutableRawPointer {
  guard let memory = malloc(bytes) else {
    throw Failure(MARTLET_DEVICE_UNAVAILABLE, "the system has no \(bytes) bytes for the result")
  }
  return memory
}

/// Structures that may grow begin with their size, as the program that was compiled with them knows it.
enum Versioned {
  /// The sizes that a structure has had, ascending; no other ends between two fields. Who adds fields to one puts its size
  /// of before first.
  private static func knownSizes<Structure>(of type: Structure.Type) -> [Int] {
    let earlier: Int? =
      type == martlet_model_options.self ? MemoryLayout.offset(of: \martlet_model_options.deterministic) : nil
    return (earlier.map { [$0] } ?? []) + [MemoryLayout<Structure>.size]
  }

  /// What the caller's structure says, and the defaults for fields that its version does not have.
  /// - Parameter flags: fields of type `bool`, in which any number but 0 counts as true.
  static func read<Structure: BitwiseCopyable>(
    _ pointer: UnsafePointer<Structure>, defaults: Structure, _ name: String, flags: [PartialKeyPath<Structure>] = []
  ) throws(Failure) -> Structure {
    let size = UnsafeRawPointer(pointer).loadUnaligned(as: Int.self)
    try check(size, of: Structure.self, "\(name)->struct_size")
    var result = defaults
    withUnsafeMutableBytes(of: &result) { bytes in
      bytes.copyMemory(from: UnsafeRawBufferPointer(start: pointer, count: size))
      for case let place? in flags.map({ MemoryLayout<Structure>.offset(of: $0) }) where bytes[place] != 0 {
        bytes[place] = 1
      }
    }
    return result
  }

  /// Fills as much of the caller's structure as its version has; its `struct_size` stays.
  static func write<Structure: BitwiseCopyable>(
    _ value: Structure, to pointer: UnsafeMutablePointer<Structure>, _ name: String
  ) throws(Failure) {
    let size = try size(at: UnsafePointer(pointer), as: Structure.self, name)
    copy(value, to: pointer, size: size)
  }

  /// Refuses a caller's structure that could not be filled.
  static func check<Structure: BitwiseCopyable>(
    _ pointer: UnsafeMutablePointer<Structure>, _ name: String
  ) throws(Failure) { _ = try size(at: UnsafePointer(pointer), as: Structure.self, name) }

  /// Sets a caller's structure of `size` bytes to the defaults.
  static func initialize<Structure: BitwiseCopyable>(
    _ pointer: UnsafeMutablePointer<Structure>, size: Int, defaults: Structure
  ) throws(Failure) {
    try check(size, of: Structure.self, "struct_size")
    UnsafeMutableRawPointer(pointer).storeBytes(of: size, as: Int.self)
    copy(defaults, to: pointer, size: size)
  }

  private static func copy<Structure: BitwiseCopyable>(
    _ value: Structure, to pointer: UnsafeMutablePointer<Structure>, size: Int
  ) {
    let skipped = MemoryLayout<Int>.size
    withUnsafeBytes(of: value) { bytes in
      let fields = bytes.prefix(size).dropFirst(skipped)
      UnsafeMutableRawBufferPointer(start: UnsafeMutableRawPointer(pointer) + skipped, count: fields.count)
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: fields))
    }
  }

  /// Refuses a size that no version of the structure has.
  private static func check<Structure>(_ size: Int, of type: Structure.Type, _ name: String) throws(Failure) {
    let known = knownSizes(of: type)
    guard known.contains(size) else {
      throw .argument(
        name, expected: "the size of the structure, \(known.map(String.init).joined(separator: " or "))",
        found: "\(UInt(bitPattern: size)); use the library that the header belongs to")
    }
  }

  /// The size of a structure to be filled. It may be larger than any known: what a later version added stays as it is.
  private static func size<Structure>(
    at pointer: UnsafePointer<Structure>, as type: Structure.Type, _ name: String
  ) throws(Failure) -> Int {
    let size = UnsafeRawPointer(pointer).loadUnaligned(as: Int.self)
    if size < MemoryLayout<Structure>.size { try check(size, of: type, "\(name)->struct_size") }
    return size
  }
}
