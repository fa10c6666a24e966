/// How the hub is reached: where, as whom, through what, or not at all. The variables are those of the Python package
/// `huggingface_hub`.
package struct HubAccess: Sendable {
  /// The hub's address without a slash at its end: `$HF_ENDPOINT`, else the public hub.
  package let endpoint: String
  /// What proves who asks: `$HF_TOKEN`, else its older name `$HUGGING_FACE_HUB_TOKEN`, else what the file `$HF_TOKEN_PATH` holds, else `token` in the folder that
  /// Python tools share. It goes to `endpoint` and nowhere else.
  package let token: String?
  /// Where the token is from, for messages: the name of the variable or the path of the file.
  package let tokenSource: String
  /// The variable that forbids to use the network: `HF_HUB_OFFLINE`, or `TRANSFORMERS_OFFLINE` where that is not set; nil
  /// if neither does.
  package let offlineVariable: String?
  /// The proxies of `$HTTPS_PROXY` and its kin.
  let proxies: ProxySettings
  /// The authorities that certificates may be signed by: `$SSL_CERT_FILE`; nil for those of the system.
  let certificateFile: String?
  /// How long a server may be silent: `$HF_HUB_DOWNLOAD_TIMEOUT` in seconds, else 30.
  let silenceLimit: Duration

  static let publicHub = "https://huggingface.co"

  /// - Parameter variable: the value of an environment variable, nil if it is not set. An empty one counts as not set.
  /// - Throws: `HubError` naming the variable that makes no sense.
  package init(
    _ variable: (_ name: String) -> String? = HubEnvironment.processVariable, environment: HubEnvironment = .current
  ) throws(HubError) {
    func value(_ name: String) -> String? { variable(name).flatMap { $0.isEmpty ? nil : $0 } }
    endpoint = try Self.endpoint(value("HF_ENDPOINT"))
    (token, tokenSource) = try Self.token(value, environment, path: HubEnvironment.path("HF_TOKEN_PATH", variable))
    offlineVariable = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"].first { value($0) != nil }.flatMap {
      Self.isTrue(value($0)) ? $0 : nil
    }
    proxies = try ProxySettings(value)
    certificateFile = try Self.certificateFile(HubEnvironment.path("SSL_CERT_FILE", variable))
    silenceLimit = try Self.seconds(value("HF_HUB_DOWNLOAD_TIMEOUT"))
  }

  private static func isTrue(_ value: String?) -> Bool {
    value.map { ["1", "ON", "YES", "TRUE"].contains($0.uppercased()) } ?? false
  }

  private static func endpoint(_ text: String?) throws(HubError) -> String {
    var text = text ?? publicHub
    while text.last == "/" { text.removeLast() }
    guard WebAddress(text) != nil else {
      throw HubError(
        code: .usage,
        message: "HF_ENDPOINT is '\(text)', which is no address; write it like \(publicHub)")
    }
    return text
  }

  private static func certificateFile(_ path: String?) throws(HubError) -> String? {
    guard let path else { return nil }
    guard FileSystem.isFile(path) else {
      throw HubError(code: .usage, message: "SSL_CERT_FILE is '\(path)', and there is no such file")
    }
    return path
  }

  private static func seconds(_ text: String?) throws(HubError) -> Duration {
    guard let text else { return .seconds(30) }
    guard let seconds = Int(text), (1...86_400).contains(seconds) else {
      throw HubError(
        code: .usage, message: "HF_HUB_DOWNLOAD_TIMEOUT is '\(text)'; it is a number of seconds from 1 to 86400")
    }
    return .seconds(seconds)
  }

  private static func token(
    _ value: (String) -> String?, _ environment: HubEnvironment, path: String?
  ) throws(HubError) -> (token: String?, source: String) {
    var source = ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"].first { value($0) != nil } ?? "HF_TOKEN"
    var text = value(source)
    if text == nil, let path = path ?? environment.huggingFaceHome.map({ $0 + "/token" }) {
      (source, text) = (path, FileSystem.start(of: path, limit: 4096).map { String(decoding: $0, as: UTF8.self) })
    }
    guard var token = text else { return (nil, source) }
    while token.last?.isWhitespace == true { token.removeLast() }
    while token.first?.isWhitespace == true { token.removeFirst() }
    // It becomes part of a header, where a line break would begin another.
    guard token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw HubError(code: .usage, message: "the token in \(source) has characters in it that no token has")
    }
    return (token.isEmpty ? nil : token, source)
  }
}
