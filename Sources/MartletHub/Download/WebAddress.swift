internal import FoundationEssentials

/// An address on the web, `http` or `https`.
package struct WebAddress: Sendable, Equatable, CustomStringConvertible {
  package let description: String
  /// Scheme, host and port: what a token may be sent to.
  package let origin: Origin

  package struct Origin: Sendable, Hashable {
    let isSecure: Bool
    package let host: String
    let port: Int
  }

  /// Nil for what is no address, or one of another kind.
  package init?(_ text: String) {
    guard let url = URL(string: text) else { return nil }
    self.init(url)
  }

  private init?(_ url: URL) {
    let scheme = url.scheme?.lowercased()
    guard scheme == "http" || scheme == "https", let host = url.host(percentEncoded: true), !host.isEmpty else {
      return nil
    }
    description = url.absoluteString
    let isSecure = scheme == "https"
    origin = Origin(isSecure: isSecure, host: host.lowercased(), port: url.port ?? (isSecure ? 443 : 80))
  }

  /// The address that a `Location` header of an answer from this one means (RFC 9110, section 10.2.2); nil if it is none,
  /// or gives up the encryption that this one has.
  package func following(_ location: String) -> WebAddress? {
    guard let base = URL(string: description), let url = URL(string: location, relativeTo: base) else { return nil }
    guard let next = WebAddress(url.absoluteURL), next.origin.isSecure || !origin.isSecure else { return nil }
    return next
  }

  /// `text` as one part of an address's path.
  static func percentEncoded(_ text: some StringProtocol) -> String {
    var encoded = ""
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
        UInt8(ascii: "~"):
        encoded.unicodeScalars.append(Unicode.Scalar(byte))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        encoded += digits.utf8.count == 1 ? "%0" + digits : "%" + digits
      }
    }
    return encoded
  }
}
