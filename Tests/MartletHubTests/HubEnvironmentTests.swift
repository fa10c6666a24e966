import MartletHub
import Testing

@Suite("Cache folders")
struct HubEnvironmentTests {
  struct Case: Sendable {
    let variables: [String: String]
    let martlet: String?
    let huggingFace: String?
  }

  @Test(
    "follow the environment variables in their order",
    arguments: [
      Case(variables: [:], martlet: nil, huggingFace: nil),
      Case(
        variables: ["HOME": "/h"], martlet: "/h/.cache/martlet", huggingFace: "/h/.cache/huggingface/hub"),
      Case(
        variables: ["HOME": "/h", "XDG_CACHE_HOME": "/x"], martlet: "/x/martlet", huggingFace: "/x/huggingface/hub"),
      Case(
        variables: ["HOME": "/h", "XDG_CACHE_HOME": "", "MARTLET_CACHE": ""], martlet: "/h/.cache/martlet",
        huggingFace: "/h/.cache/huggingface/hub"),
      Case(
        variables: ["XDG_CACHE_HOME": "/x", "MARTLET_CACHE": "/m", "HF_HOME": "/f"], martlet: "/m",
        huggingFace: "/f/hub"),
      Case(
        variables: ["HOME": "/h", "HF_HOME": "/f", "HF_HUB_CACHE": "/c"], martlet: "/h/.cache/martlet",
        huggingFace: "/c"),
      Case(
        variables: ["HOME": "/h", "HF_HOME": "~/f", "MARTLET_CACHE": "~"], martlet: "/h", huggingFace: "/h/f/hub"),
      Case(
        variables: ["HOME": "/h", "DISK": "/d", "HF_HOME": "$DISK/${HOME}x", "MARTLET_CACHE": "/$NONE/$/${x/$DISK"],
        martlet: "/$NONE/$/${x//d", huggingFace: "/d//hx/hub"),
      Case(variables: ["HUGGINGFACE_HUB_CACHE": "/old"], martlet: nil, huggingFace: "/old"),
    ])
  func order(_ example: Case) {
    let environment = HubEnvironment { example.variables[$0] }
    #expect(environment.martletCache == example.martlet)
    #expect(environment.huggingFaceCache == example.huggingFace)
    #expect(environment.modelFolder == example.martlet.map { $0 + "/models" })
  }
}
