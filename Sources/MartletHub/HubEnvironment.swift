internal import Glibc

/// Where models are kept on this machine.
package struct HubEnvironment: Sendable, Equatable {
  /// Martlet's own cache: `$MARTLET_CACHE`, else `$XDG_CACHE_HOME/martlet`, else `~/.cache/martlet`. Nil if none of
  /// these is set and neither is `HOME`.
  package let martletCache: String?

  /// The folder that Python tools share: `$HF_HOME`, else `huggingface` in `$XDG_CACHE_HOME` or `~/.cache`: the order
  /// of the Python package `huggingface_hub`.
  package let huggingFaceHome: String?

  /// The cache in it: `$HF_HUB_CACHE`, else its older name `$HUGGINGFACE_HUB_CACHE`, else `hub` in that folder.
  package let huggingFaceCache: String?

  /// The folder of the built-in models.
  package var modelFolder: String? { martletCache.map { $0 + "/models" } }

  /// - Parameter variable: the value of an environment variable, nil if it is not set. An empty one counts as not set.
  package init(_ variable: (_ name: String) -> String?) {
    func path(_ name: String) -> String? { Self.path(name, variable) }
    let caches = path("XDG_CACHE_HOME") ?? path("HOME").map { $0 + "/.cache" }
    martletCache = path("MARTLET_CACHE") ?? caches.map { $0 + "/martlet" }
    huggingFaceHome = path("HF_HOME") ?? caches.map { $0 + "/huggingface" }
    huggingFaceCache =
      path("HF_HUB_CACHE") ?? path("HUGGINGFACE_HUB_CACHE") ?? huggingFaceHome.map { $0 + "/hub" }
  }

  /// The path in an environment variable, with `~` for the home folder and other variables in it replaced, as Python does
  /// it; nil if it is not set or empty.
  static func path(_ name: String, _ variable: (_ name: String) -> String?) -> String? {
    guard var value = variable(name), !value.isEmpty else { return nil }
    if value == "~" || value.hasPrefix("~/"), let home = variable("HOME") { value = home + value.dropFirst() }
    return expanded(value, variable)
  }

  /// `text` with the values of variables for `$NAME` and `${NAME}`; one that is not set stays as it is written.
  private static func expanded(_ text: String, _ variable: (_ name: String) -> String?) -> String {
    var (result, rest) = ("", text[...])
    while let dollar = rest.firstIndex(of: "$") {
      result += rest[..<dollar]
      let tail = rest[rest.index(after: dollar)...]
      var (name, end) = (tail.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") }, tail.startIndex)
      if tail.first == "{", let brace = tail.firstIndex(of: "}") {
        name = tail[..<brace].dropFirst()
        end = tail.index(after: brace)
      } else {
        end = name.endIndex
      }
      result += name.isEmpty ? "$" : variable(String(name)) ?? String(rest[dollar..<end])
      rest = name.isEmpty ? tail : rest[end...]
    }
    return result + rest
  }

  /// That of this process.
  package static var current: HubEnvironment { HubEnvironment(processVariable) }

  /// The value of an environment variable of this process.
  package static func processVariable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }
}
