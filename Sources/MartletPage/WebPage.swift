internal import CMartletPage

/// The web page that the server shows at `/`: files that lie in the binary, and the headers to send with them.
///
/// Every file is public: the page holds nothing but itself, and asks the API for the rest with the key that its user gives.
package enum WebPage {
  /// One file of the page.
  package struct File: Sendable {
    /// Below the page's own address: empty for the page itself, `page/app.js` for one of its modules.
    package let path: String
    package let contentType: String
    package let bytes: [UInt8]
    /// A strong entity tag with its quotation marks, for `ETag` and `If-None-Match`.
    package let entityTag: String
  }

  /// All files; the first one is the page itself.
  package static let files: [File] = (0..<martlet_page_file_count()).map { index in
    let file = martlet_page_file_at(index)
    let bytes = Array(UnsafeBufferPointer(start: file.bytes, count: file.count))
    return File(
      path: String(cString: file.path), contentType: String(cString: file.type), bytes: bytes, entityTag: tag(of: bytes)
    )
  }

  /// The headers of every answer with one of the files, beside `Content-Type`, `ETag` and `Content-Length`.
  ///
  /// The policy allows the page its own scripts, styles and requests to its own server, no inline code, no other origin and,
  /// by Trusted Types, no way from text into markup. Caches ask each time, so that a new version comes whole.
  package static let headers: [(name: String, value: String)] = [
    ("Content-Security-Policy", policy),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ("Cache-Control", "no-cache"),
  ]

  private static let policy = String(cString: martlet_page_policy()).split(separator: "\n").joined(separator: "; ")

  /// FNV-1a in 64 bits: tells versions apart, and promises no more.
  private static func tag(of bytes: [UInt8]) -> String {
    let hash = bytes.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    return "\"\(String(hash, radix: 16))\""
  }
}
