// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target is built alike: strict about existentials and imports, and no warning survives.
let swiftSettings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .treatAllWarnings(as: .error),
]

/// A library layer. Layers import downwards only; `docs/design.md` draws the picture.
func layer(_ name: String, _ dependencies: [Target.Dependency] = [], exclude: [String] = []) -> Target {
  .target(name: name, dependencies: dependencies, exclude: exclude, swiftSettings: swiftSettings)
}

/// Device code beside the operators; `CMartletKernels` embeds it as text.
let kernelFiles =
  [
    "Add/Add", "Argmax/Argmax", "CacheAppend/CacheAppend", "Convert/Convert", "DecodeAttention/DecodeAttention",
    "FusedLinear/FusedLinear", "FusedLinear/FusedLinearBlocks", "Linear/Linear", "Linear/LinearBlocks",
    "Linear/LinearTile", "PagedAttention/PagedAttention", "RMSNorm/RMSNorm", "Rearrange/Rearrange", "RoPE/RoPE",
    "SelfAttention/SelfAttention", "SwiGLU/SwiGLU",
  ].map { $0 + ".cu" } + ["Attention", "Blocks", "Cache", "Device", "Fused", "Pipeline"].map { "Support/\($0).cuh" }

/// The tests of one layer, in `Tests/<layer>Tests`.
func tests(_ name: String, _ dependencies: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
  .testTarget(
    name: name + "Tests",
    dependencies: [.init(stringLiteral: name)] + dependencies,
    resources: resources,
    swiftSettings: swiftSettings
  )
}

let package = Package(
  name: "martlet",
  products: [
    .library(name: "Martlet", targets: ["Martlet"]),
    .library(name: "MartletText", targets: ["MartletText"]),
    .library(name: "MartletTemplate", targets: ["MartletTemplate"]),
    .executable(name: "martlet", targets: ["MartletCommand"]),
    .executable(name: "martlet-tour", targets: ["MartletTour"]),
    // scripts/build.sh links it as libmartlet.so; a product of that name would be a second one called martlet.
    .library(name: "MartletC", type: .dynamic, targets: ["MartletC"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.0.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.81.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.30.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.26.0"),
  ],
  targets: [
    .target(name: "CMartletSIMD", cSettings: [.treatAllWarnings(as: .error)]),
    .target(name: "CMartletDriver", cSettings: [.treatAllWarnings(as: .error)]),
    .target(name: "CMartletKernels", cSettings: [.treatAllWarnings(as: .error)]),
    layer("MartletRuntime", ["CMartletDriver", "CMartletKernels", "CMartletSIMD"], exclude: ["GPU/Probe.cu"]),
    layer("MartletTensor", ["MartletRuntime"]),
    layer(
      "MartletOperators", ["CMartletKernels", "CMartletSIMD", "MartletRuntime", "MartletTensor"], exclude: kernelFiles),
    layer("MartletChecks", ["MartletRuntime", "MartletTensor", "MartletOperators"]),
    layer("MartletJSON"),
    layer("MartletModels", ["MartletJSON", "MartletRuntime", "MartletTensor", "MartletOperators"]),
    layer("MartletTemplate", ["MartletJSON"]),
    layer("MartletText", ["MartletTemplate"]),
    layer(
      "MartletEngine",
      ["MartletRuntime", "MartletTensor", "MartletOperators", "MartletModels", "MartletText", "MartletTemplate"]),
    layer(
      "MartletHub",
      [
        "MartletJSON", "MartletRuntime",
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ]),
    layer(
      "Martlet",
      [
        "MartletChecks", "MartletEngine", "MartletHub", "MartletModels", "MartletOperators", "MartletRuntime",
        "MartletTemplate", "MartletTensor", "MartletText",
      ]),
    .target(name: "CMartlet", cSettings: [.treatAllWarnings(as: .error)]),
    layer(
      "MartletC",
      [
        "CMartlet", "Martlet", "MartletEngine", "MartletModels", "MartletOperators", "MartletRuntime",
        "MartletTemplate",
        "MartletTensor", "MartletText",
      ]),
    .executableTarget(
      name: "MartletCommand",
      dependencies: [
        "Martlet", "MartletHub",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swiftSettings
    ),
    .target(
      name: "FakeCUDA", dependencies: ["CMartletDriver"], path: "Tests/FakeCUDA",
      cSettings: [.treatAllWarnings(as: .error)]),
    .executableTarget(
      name: "MartletTour", dependencies: ["Martlet"], path: "examples/swift", swiftSettings: swiftSettings),
    tests("MartletRuntime", ["FakeCUDA"]),
    tests("MartletChecks", ["MartletRuntime"]),
    tests("MartletTensor", ["MartletRuntime"], resources: [.copy("Goldens")]),
    tests(
      "MartletOperators", ["CMartletSIMD", "MartletRuntime", "MartletTensor"], resources: [.copy("Goldens")]),
    .target(
      name: "MartletTestSupport", dependencies: ["MartletModels"], path: "Tests/MartletTestSupport",
      swiftSettings: swiftSettings),
    tests("MartletModels", ["MartletRuntime", "MartletTensor", "MartletTestSupport"], resources: [.copy("Goldens")]),
    .target(
      name: "MartletHubTestSupport",
      dependencies: [
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      path: "Tests/MartletHubTestSupport",
      swiftSettings: swiftSettings),
    tests("MartletHub", ["MartletHubTestSupport"]),
    tests(
      "MartletCommand",
      ["MartletHub", "MartletHubTestSupport", "MartletModels", "MartletTemplate", "MartletTestSupport"]),
    tests("MartletText", resources: [.copy("Goldens")]),
    tests("MartletTemplate", resources: [.copy("Goldens")]),
    tests("MartletEngine", resources: [.copy("Goldens")]),
    .target(
      name: "MartletFuzz",
      dependencies: ["Martlet", "MartletEngine", "MartletModels", "MartletRuntime", "MartletTemplate", "MartletText"],
      path: "Fuzz/Targets", swiftSettings: swiftSettings),
    tests("MartletFuzz"),
    tests(
      "Martlet", ["MartletEngine", "MartletHub", "MartletModels", "MartletRuntime", "MartletTensor"],
      resources: [.copy("Goldens")]),
  ],
  swiftLanguageModes: [.v6],
  cLanguageStandard: .c2x
)

// libFuzzer brings the `main` of its executable, so that a build without it could not link one: scripts/fuzz.sh asks for it.
if Context.environment["MARTLET_FUZZ"] == "1" {
  package.targets.append(
    .executableTarget(
      name: "MartletFuzzer", dependencies: ["MartletFuzz"], path: "Fuzz/Driver", swiftSettings: swiftSettings))
}
