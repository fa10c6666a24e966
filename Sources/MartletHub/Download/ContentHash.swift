internal import Crypto

/// What a file's content must hash to, as the hub tells it. It is the name of the file's blob in the cache too.
package enum ContentHash: Sendable, Hashable, CustomStringConvertible {
  /// The id that git gives to a file that lies in the repository itself: SHA-1 over a header with the size, and the
  /// content.
  case gitBlob(String)
  /// The SHA-256 of a file in large file storage.
  case sha256(String)

  /// Nil if `text` is neither.
  package init?(_ text: String) {
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) else { return nil }
    switch text.utf8.count {
    case 40: self = .gitBlob(text)
    case 64: self = .sha256(text)
    default: return nil
    }
  }

  /// The hash in an `ETag` header: in quotes, perhaps marked as weak.
  package init?(etag: String) {
    var text = etag[...]
    if text.hasPrefix("W/") { text = text.dropFirst(2) }
    if text.first == "\"", text.last == "\"", text.count >= 2 { text = text.dropFirst().dropLast() }
    self.init(String(text))
  }

  package var description: String {
    switch self {
    case .gitBlob(let text), .sha256(let text): text
    }
  }

  /// The kind, for people.
  var kind: String {
    switch self {
    case .gitBlob: "git hash"
    case .sha256: "SHA-256"
    }
  }

  /// Hashes content as it comes.
  package struct Calculation {
    /// One of the two is there.
    private var sha1: Insecure.SHA1?
    private var sha256: SHA256?

    /// - Parameter size: how many bytes will come.
    package init(like hash: ContentHash, size: Int) {
      switch hash {
      case .gitBlob:
        var sha1 = Insecure.SHA1()
        Array("blob \(size)\0".utf8).withUnsafeBytes { sha1.update(bufferPointer: $0) }
        self.sha1 = sha1
      case .sha256: sha256 = SHA256()
      }
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
      sha1?.update(bufferPointer: bytes)
      sha256?.update(bufferPointer: bytes)
    }

    package func finish() -> String {
      sha1.map { Self.hexadecimal($0.finalize()) } ?? sha256.map { Self.hexadecimal($0.finalize()) } ?? ""
    }

    private static func hexadecimal(_ digest: some Sequence<UInt8>) -> String {
      let digits = Array("0123456789abcdef".utf8)
      return String(decoding: digest.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
  }
}
