import Testing

@testable import MartletEngine

@Suite struct PrefixHashTests {
  /// From OpenSSL 3: `printf … | openssl mac -macopt hexkey:000102…0f -macopt size:16 -in - SIPHASH`, where the message of
  /// n bytes is 00 01 02 ….
  @Test(arguments: [
    (0, "A3817F04BA25A8E66DF67214C7550293"),
    (1, "DA87C1D86B99AF44347659119B22FC45"),
    (8, "3B62A9BA6258F5610F83E264F31497B4"),
    (15, "5493E99933B0A8117E08EC0F97CFC3D9"),
    (17, "473D06E8738DB89854C066C47AE47740"),
  ])
  func isSipHash(count: Int, expected: String) {
    let message = (0..<count).map { UInt8($0) }
    let key = PrefixHash.Key(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)
    let hash = message.withUnsafeBytes { PrefixHash(key: key, bytes: $0) }
    #expect(hex(hash) == expected)
  }

  @Test func dependsOnEverythingThatDeterminesABlock() {
    let key = PrefixHash.Key(1, 2)
    let root = PrefixHash.root(key: key, adapter: nil, salt: nil)
    let hashes = [
      root, .root(key: key, adapter: "a", salt: nil), .root(key: key, adapter: nil, salt: "a"),
      .root(key: key, adapter: "", salt: nil), .root(key: key, adapter: "ab", salt: "c"),
      .root(key: key, adapter: "a", salt: "bc"), .root(key: .init(1, 3), adapter: nil, salt: nil),
      root.child(key: key, tokens: [1, 2, 3]), root.child(key: key, tokens: [1, 2, 4]),
      root.child(key: key, tokens: [1, 2]), root.child(key: key, tokens: [1, 2, 3, 0]),
      root.child(key: key, tokens: [1, 2]).child(key: key, tokens: [3]),
    ]
    #expect(Set(hashes).count == hashes.count)
    #expect(root.child(key: key, tokens: [0, 1, 2, 3][1...]) == root.child(key: key, tokens: [1, 2, 3]))
  }

  /// The definition is versioned, so its values are fixed: from the same command over the bytes that the doc comment
  /// describes.
  @Test func isStable() {
    let key = PrefixHash.Key(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908)
    let root = PrefixHash.root(key: key, adapter: nil, salt: "x")
    #expect(hex(root) == "F1937CDB73C111612FBDF53A7FEFBC83")
    #expect(hex(root.child(key: key, tokens: [1, 2, 70000])) == "15093F54233A60BDC9FAAB582A9FEAF1")
  }

  private func hex(_ hash: PrefixHash) -> String {
    [hash.low, hash.high].flatMap { word in
      (0..<8).map { index in
        let byte = UInt8(truncatingIfNeeded: word >> UInt64(index * 8))
        return (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }.joined()
  }
}
