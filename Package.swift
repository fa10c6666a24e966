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
    "Linear/LinearBlocksTile", "Linear/LinearTile", "PagedAttention/PagedAttention", "RMSNorm/RMSNorm",
    "Rearrange/Rearrange", "RoPE/RoPE", "Sample/Sample", "SelfAttention/SelfAttention", "Support/AttentionHopper",
    "Support/AttentionTile", "SwiGLU/SwiGLU",
  ].map { $0 + ".cu" }
  + ["Attention", "Blocks", "Cache", "Device", "Fused", "Matrix", "Pipeline", "QueryTile"].map { "Support/\($0).cuh" }

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
    .library(name: "MartletServer", targets: ["MartletServer"]),
    .library(name: "MartletText", targets: ["MartletText"]),
    .library(name: "MartletTemplate", targets: ["MartletTemplate"]),
    .executable(name: "martlet", targets: ["MartletCommand"]),
    .executable(name: "martlet-tour", targets: ["MartletTour"]),
    .executable(name: "martlet-hummingbird", targets: ["MartletHummingbird"]),
    // scripts/build.sh links it as libmartlet.so; a product of that name would be a second one called martlet.
    .library(name: "MartletC", type: .dynamic, targets: ["MartletC"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.0.0"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.81.0"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.30.0"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.30.0"),
    // Without its traits Hummingbird needs neither swift-configuration nor all of Foundation.
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.0", traits: []),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
    .package(url: "https://github.com/apple/swift-log", from: "1.14.0"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.9.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.6.0"),
  ],
  targets: [
    .target(name: "CMartletSIMD", cSettings: [.treatAllWarnings(as: .error)]),
    .target(name: "CMartletDriver", cSettings: [.treatAllWarnings(as: .error)]),
    .target(name: "CMartletKernels", cSettings: [.treatAllWarnings(as: .error)]),
    layer(
      "MartletRuntime", ["CMartletDriver", "CMartletKernels", "CMartletSIMD"],
      exclude: ["Identify", "Probe", "Survey"].map { "GPU/\($0).cu" }),
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
    .target(name: "CMartletPage", exclude: ["page"], cSettings: [.treatAllWarnings(as: .error)]),
    layer("MartletPage", ["CMartletPage"]),
    layer(
      "MartletLoad",
      [
        "Martlet", "MartletJSON", "MartletModels", "MartletTemplate",
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ]),
    layer(
      "MartletServer",
      [
        "Martlet", "MartletEngine", "MartletJSON", "MartletPage", "MartletTemplate", "MartletText",
        .product(name: "CoreMetrics", package: "swift-metrics"),
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "HummingbirdCore", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Metrics", package: "swift-metrics"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ]),
    .executableTarget(
      name: "MartletCommand",
      dependencies: [
        "Martlet", "MartletHub", "MartletLoad", "MartletServer",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ],
      swiftSettings: swiftSettings
    ),
    .target(
      name: "FakeCUDA", dependencies: ["CMartletDriver"], path: "Tests/FakeCUDA",
      cSettings: [.treatAllWarnings(as: .error)]),
    .executableTarget(
      name: "MartletTour", dependencies: ["Martlet"], path: "examples/swift", swiftSettings: swiftSettings),
    .executableTarget(
      name: "MartletHummingbird",
      dependencies: [
        "Martlet", "MartletServer",
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "NIOCore", package: "swift-nio"),
      ],
      path: "examples/hummingbird", swiftSettings: swiftSettings),
    .target(name: "KernelEmulation", path: "Tests/KernelEmulation", cxxSettings: [.treatAllWarnings(as: .error)]),
    .target(
      name: "MartletRuntimeTestSupport", dependencies: ["MartletRuntime"], path: "Tests/MartletRuntimeTestSupport",
      swiftSettings: swiftSettings),
    tests("MartletRuntime", ["FakeCUDA", "MartletRuntimeTestSupport"]),
    tests("MartletChecks", ["MartletRuntime"]),
    tests("MartletTensor", ["MartletRuntime"], resources: [.copy("Goldens")]),
    tests(
      "MartletOperators", ["CMartletSIMD", "KernelEmulation", "MartletRuntime", "MartletTensor"],
      resources: [.copy("Goldens")]),
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
      [
        "MartletHub", "MartletHubTestSupport", "MartletLoadTestSupport", "MartletModels", "MartletTemplate",
        "MartletTestSupport",
      ]),
    tests("MartletPage"),
    .target(
      name: "MartletLoadTestSupport",
      dependencies: [
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
      ],
      path: "Tests/MartletLoadTestSupport", swiftSettings: swiftSettings),
    tests("MartletLoad", ["Martlet", "MartletLoadTestSupport"]),
    tests(
      "MartletServer",
      [
        "Martlet", "MartletEngine", "MartletHub", "MartletTemplate",
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "HTTPTypes", package: "swift-http-types"),
        .product(name: "Hummingbird", package: "hummingbird"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "Metrics", package: "swift-metrics"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ]),
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
