internal import FoundationEssentials

/// The proxies that the usual variables name: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, in capitals or
/// not; small letters come first, as in curl.
package struct ProxySettings: Sendable {
  package struct Proxy: Sendable, Hashable {
    package let isSOCKS: Bool
    package let host: String
    package let port: Int
    package let user: String?
    package let password: String?
  }

  private let secure: Proxy?
  private let plain: Proxy?
  /// Hosts that are reached without one, and those whose names end in `.` and one of these; `*` is every host.
  private let exceptions: [String]

  /// All that occur.
  package var all: [Proxy] { [secure, plain].compactMap(\.self) }

  /// - Throws: `HubError` naming a variable that holds no address of a proxy.
  package init(_ variable: (_ name: String) -> String?) throws(HubError) {
    func first(_ name: String) -> (String, String)? {
      for name in [name, name.uppercased()] {
        if let value = variable(name) { return (name, value) }
      }
      return nil
    }
    func proxy(_ name: String) throws(HubError) -> Proxy? {
      guard let (name, value) = first(name) ?? first("all_proxy") else { return nil }
      guard let proxy = Self.parse(value) else {
        // Not the value: it may hold a password.
        throw HubError(code: .usage, message: "\(name) holds no proxy that can be used; write it like http://host:3128")
      }
      return proxy
    }
    secure = try proxy("https_proxy")
    plain = try proxy("http_proxy")
    exceptions = (first("no_proxy")?.1 ?? "").lowercased().split(whereSeparator: { $0 == "," || $0 == " " }).map {
      String($0.drop { $0 == "." }.prefix { $0 != ":" })
    }
  }

  /// The proxy through which a server is reached, if any.
  package func proxy(for origin: WebAddress.Origin) -> Proxy? {
    let isException = exceptions.contains {
      $0 == "*" || !$0.isEmpty && (origin.host == $0 || origin.host.hasSuffix("." + $0))
    }
    return isException ? nil : origin.isSecure ? secure : plain
  }

  private static func parse(_ text: String) -> Proxy? {
    let text = text.contains("://") ? text : "http://" + text
    guard let url = URL(string: text), let host = url.host(percentEncoded: false), !host.isEmpty else { return nil }
    let isSOCKS: Bool
    switch url.scheme?.lowercased() {
    case "http": isSOCKS = false
    case "socks5", "socks5h": isSOCKS = true
    default: return nil
    }
    return Proxy(
      isSOCKS: isSOCKS, host: host, port: url.port ?? (isSOCKS ? 1080 : 80),
      user: url.user(percentEncoded: false), password: url.password(percentEncoded: false))
  }
}
