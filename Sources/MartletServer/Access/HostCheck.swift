/// Refuses requests by other names than this server's. A page in a browser can give its own name this machine's address
/// and so reach a server that listens on loopback only; the `Host` header then has the page's name.
package struct HostCheck: Sendable {
  private let names: Set<String>

  /// - Parameter names: names beside `localhost` by which clients reach the server.
  package init(names: [String]) {
    self.names = Set((names + ["localhost"]).map { $0.lowercased() })
  }

  /// Whether a `Host` header names this server: one of its names, or any IP address, which no page can take for its own.
  package func allows(_ host: String) -> Bool {
    let name = Self.name(of: host)
    return names.contains(name) || Self.isAddress(name)
  }

  /// Whether an `Origin` header, where there is one, is this server's own page: other pages get nothing.
  package func allows(origin: String, host: String) -> Bool {
    for scheme in ["http://", "https://"] where origin.hasPrefix(scheme) {
      return origin.dropFirst(scheme.count).lowercased() == host.lowercased()
    }
    return false
  }

  /// The host without its port, in small letters.
  private static func name(of host: String) -> String {
    let host = host.lowercased()
    if host.hasPrefix("["), let end = host.firstIndex(of: "]") {
      let rest = host[host.index(after: end)...]
      guard rest.isEmpty || rest.hasPrefix(":") else { return host }
      return String(host[host.index(after: host.startIndex)..<end])
    }
    return String(host.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)[0])
  }

  private static func isAddress(_ name: String) -> Bool {
    if name.contains(":") {
      return name.utf8.allSatisfy { $0 == 0x3A || $0 == 0x2E || Character(Unicode.Scalar($0)).isHexDigit }
    }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
  }
}
