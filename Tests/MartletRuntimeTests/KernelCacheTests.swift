import Glibc
import MartletRuntime
import MartletRuntimeTestSupport
import Testing

@Suite struct KernelCacheTests {
  @Test(arguments: [0, 1, 100_000]) func givesBackWhatItKeeps(count: Int) throws {
    let folder = try TemporaryFolder()
    let cache = KernelCache(folder: folder.path + "/deep/below")
    let image = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    #expect(cache.image(named: "a") == nil)
    #expect(cache.store(image, named: "a") == nil)
    #expect(cache.image(named: "a") == image)
    #expect(cache.image(named: "b") == nil)
    #expect(Directory.names(in: folder.path + "/deep/below") == ["a"], "nothing temporary is left")
  }

  /// Whatever happened to a file, it is whole or it is not taken.
  @Test func damagedFilesAreAsGoodAsNone() throws {
    let folder = try TemporaryFolder()
    let cache = KernelCache(folder: folder.path)
    let image = [UInt8](repeating: 5, count: 300)
    cache.store(image, named: "a")
    let whole = try read(folder.path + "/a")
    for change in [0, 20, 60, whole.count - 1] {
      var damaged = whole
      damaged[change] ^= 1
      try write(damaged, folder.path + "/a")
      #expect(cache.image(named: "a") == nil, "byte \(change)")
    }
    for length in [0, 10, 56, 57, whole.count - 1] {
      try write(Array(whole.prefix(length)), folder.path + "/a")
      #expect(cache.image(named: "a") == nil, "\(length) bytes")
    }
    try write(whole + [0], folder.path + "/a")
    #expect(cache.image(named: "a") == nil)
    cache.store(image, named: "a")
    #expect(cache.image(named: "a") == image)
  }

  /// Readers never see half of a file, however many write it.
  @Test func manyMayWriteAndReadAtOnce() async throws {
    let folder = try TemporaryFolder()
    let cache = KernelCache(folder: folder.path)
    let images = (0..<4).map { [UInt8](repeating: UInt8($0), count: 50_000 + $0) }
    cache.store(images[0], named: "a")
    let intact = await withTaskGroup(of: Bool.self) { group in
      for task in 0..<8 {
        group.addTask {
          (0..<40).allSatisfy { round in
            if task % 2 == 0 { return cache.store(images[(task + round) % 4], named: "a") == nil }
            return cache.image(named: "a").map(images.contains) ?? false
          }
        }
      }
      return await group.reduce(true) { $0 && $1 }
    }
    #expect(intact)
    #expect(Directory.names(in: folder.path) == ["a"])
  }

  @Test func aFolderThatCannotBeUsedIsToldAndCostsNothingElse() throws {
    let folder = try TemporaryFolder()
    try write([1], folder.path + "/file")
    for cache in [KernelCache(folder: nil), KernelCache(folder: folder.path + "/file/below")] {
      #expect(cache.store([1, 2], named: "a") != nil)
      #expect(cache.image(named: "a") == nil)
      #expect(cache.problem() != nil)
    }
    #expect(KernelCache(folder: folder.path).problem() == nil)
  }

  private func read(_ path: String) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = Glibc.read(descriptor, &bytes, bytes.count)
    return Array(bytes.prefix(count))
  }

  private func write(_ bytes: [UInt8], _ path: String) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    try #require(descriptor >= 0)
    defer { close(descriptor) }
    try #require(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
  }
}

@Suite struct FingerprintTests {
  /// Test vectors of draft-eastlake-fnv.
  @Test(arguments: [
    ("", "6c62272e07bb014262b821756295c58d"), ("a", "d228cb696f1a8caf78912b704e4a8964"),
    ("foobar", "343e1662793c64bf6f0d3597ba446f18"),
  ])
  func followsItsSpecification(text: String, expected: String) {
    var fingerprint = Fingerprint()
    fingerprint.append(Array(text.utf8))
    #expect(fingerprint.text == expected)
  }

  @Test func tellsWhereTextsEnd() {
    func text(_ parts: [String]) -> String {
      var fingerprint = Fingerprint()
      for part in parts { fingerprint.append(part) }
      return fingerprint.text
    }
    #expect(Set([["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""]].map(text)).count == 4)
  }
}
