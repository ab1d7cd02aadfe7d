// swift-tools-version: 6.2
import PackageDescription

/// The rooms of the house, lowest first. A room may import only rooms above it in this list; `Tests/ArchitectureTests` checks the
/// `import` lines against it, and ARCHITECTURE.md says what each room is for.

/// Release builds of the rooms on the data path leave out the run-time checks of exclusive access, which cost a fifth of an event there; debug
/// builds, in which the tests run, keep them.
let dataPath: [SwiftSetting] = [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]

let package = Package(
  name: "freshet",
  products: [.executable(name: "freshet", targets: ["freshet"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
  ],
  targets: [
    .systemLibrary(name: "CRdkafka", providers: [.apt(["librdkafka-dev"]), .brew(["librdkafka"])]),
    .systemLibrary(name: "CHiredis", providers: [.apt(["libhiredis-dev"]), .brew(["hiredis"])]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"]), .brew(["zlib"])]),
    .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"]), .brew(["zstd"])]),
    .target(name: "Base", swiftSettings: dataPath),
    .target(
      name: "Measuring", dependencies: ["Base", .product(name: "Histogram", package: "hdrhistogram-swift")], swiftSettings: dataPath
    ),
    .target(name: "Compression", dependencies: ["Base", "CZlib", "CZstd"]),
    .target(name: "Configuration", dependencies: ["Base", .product(name: "Yams", package: "Yams")]),
    .target(name: "Records", dependencies: ["Base"], swiftSettings: dataPath),
    .target(name: "Schema", dependencies: ["Base", "Configuration"]),
    .target(name: "Foreign", dependencies: ["Base", "Configuration"]),
    .target(name: "CVectors"),
    .target(name: "Codec", dependencies: ["Base", "CVectors", "Records"], swiftSettings: dataPath),
    .target(name: "Windowing", dependencies: ["Base", "Records"], swiftSettings: dataPath),
    .target(
      name: "Features", dependencies: ["Base", "Codec", "Configuration", "Records", "Schema", "Windowing"], swiftSettings: dataPath),
    .target(
      name: "Generation", dependencies: ["Base", "Records", "Schema", .product(name: "Histogram", package: "hdrhistogram-swift")],
      swiftSettings: dataPath),
    .target(name: "Checkpoints", dependencies: ["Base", "Compression", "Features", "Records"]),
    .target(name: "LocalTransport", dependencies: ["Base", "Checkpoints", "Codec", "Compression", "Features", "Records"]),
    .target(
      name: "RedisStore",
      dependencies: ["Base", "CHiredis", "Checkpoints", "Features", "Records", .product(name: "Logging", package: "swift-log")]),
    .target(
      name: "KafkaTransport",
      dependencies: ["Base", "CRdkafka", "Records", .product(name: "Logging", package: "swift-log")]),
    .target(name: "HTTPTransport", dependencies: ["Base", "Records"]),
    .target(
      name: "HTTPServer",
      dependencies: [
        "Base", .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"), .product(name: "Logging", package: "swift-log"),
      ], swiftSettings: dataPath),
    .target(
      name: "Processing",
      dependencies: [
        "Base", "Codec", "Configuration", "Features", "Measuring", "Records", "Windowing",
        .product(name: "Logging", package: "swift-log"),
      ], swiftSettings: dataPath),
    .target(
      name: "Batch",
      dependencies: [
        "Base", "Codec", "Compression", "Features", "Processing", "Records", "Windowing",
        .product(name: "Logging", package: "swift-log"),
      ], swiftSettings: dataPath),
    .target(name: "Verification", dependencies: ["Base", "Codec", "Features", "Generation", "Records", "Schema", "Windowing"]),
    .target(
      name: "Monitoring",
      dependencies: [
        "Base", "Batch", "Configuration", "Features", "HTTPServer", "Measuring", "Processing",
        .product(name: "Logging", package: "swift-log"),
      ],
      resources: [
        .embedInCode("Web/monitor.html"), .embedInCode("Web/monitor.css"), .embedInCode("Web/monitor.js"),
        .embedInCode("Web/plots.js"),
      ]),
    .target(
      name: "Serving",
      dependencies: [
        "Base", "Features", "HTTPServer", "Measuring", "Monitoring", "Processing", "Records",
        .product(name: "Logging", package: "swift-log"),
      ], swiftSettings: dataPath),
    .executableTarget(
      name: "freshet",
      dependencies: [
        "Base", "Batch", "Codec", "Compression", "Configuration", "Features", "Foreign", "Generation", "HTTPServer",
        "HTTPTransport",
        "KafkaTransport",
        "LocalTransport", "Measuring", "Monitoring", "Processing", "Records", "RedisStore", "Schema", "Serving", "Verification",
        "Windowing",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
      ],
      resources: [
        // The demo's files, inside the program: links to the ones in Schemas/ and Pipelines/.
        .embedInCode("Resources/clickstream.yaml"), .embedInCode("Resources/brands.txt"),
        .embedInCode("Resources/shop_lanes.yaml"),
      ]),
    .target(
      name: "CReference", path: "Benchmarks/CReference", cSettings: [.unsafeFlags(["-O3"])],
      linkerSettings: [.linkedLibrary("hiredis"), .linkedLibrary("rdkafka")]),
    .executableTarget(
      name: "freshet-bench",
      dependencies: [
        "Base", "Batch", "CReference", "Codec", "Compression", "Configuration", "Features", "Generation", "HTTPServer",
        "KafkaTransport", "LocalTransport", "Processing", "Records", "RedisStore", "Schema", "Serving", "Windowing",
        .product(name: "ArgumentParser", package: "swift-argument-parser"), .product(name: "Logging", package: "swift-log"),
      ], path: "Benchmarks/FreshetBench"),
    .testTarget(name: "ArchitectureTests"),
    .testTarget(name: "BaseTests", dependencies: ["Base"]),
    .testTarget(name: "ConfigurationTests", dependencies: ["Base", "Configuration"]),
    .testTarget(name: "SchemaTests", dependencies: ["Base", "Configuration", "Schema"], exclude: ["Schemas"]),
    .testTarget(name: "ForeignTests", dependencies: ["Base", "Configuration", "Foreign", "Schema"]),
    .testTarget(name: "CodecTests", dependencies: ["Base", "CVectors", "Codec", "Records"]),
    .testTarget(name: "MeasuringTests", dependencies: ["Base", "Measuring"]),
    .testTarget(
      name: "MonitoringTests",
      dependencies: [
        "Base", "Batch", "Configuration", "Features", "HTTPServer", "Measuring", "Monitoring", "Processing", "TestSupport",
      ]),
    .testTarget(name: "WindowingTests", dependencies: ["Base", "Records", "Windowing"]),
    .testTarget(
      name: "FeaturesTests", dependencies: ["Base", "Codec", "Configuration", "Features", "Records", "Schema", "Windowing"]),
    .testTarget(
      name: "GenerationTests", dependencies: ["Base", "Configuration", "Generation", "Records", "Schema", "TestSupport"]),
    .testTarget(name: "CompressionTests", dependencies: ["Base", "Compression", "TestSupport"]),
    .testTarget(name: "CheckpointsTests", dependencies: ["Base", "Checkpoints", "Features", "Records", "Windowing"]),
    .testTarget(
      name: "LocalTransportTests",
      dependencies: ["Base", "Codec", "Compression", "Features", "LocalTransport", "Records", "TestSupport"]),
    .executableTarget(
      name: "freshet-test-broker", dependencies: ["Base", "KafkaTransport"], path: "Tests/Support/TestBroker"),
    .target(
      name: "TestSupport", dependencies: ["Base", "KafkaTransport", "Records", "RedisStore"], path: "Tests/Support/TestSupport"),
    .testTarget(name: "RedisStoreTests", dependencies: ["Base", "Features", "Records", "RedisStore", "TestSupport"]),
    .testTarget(
      name: "KafkaTransportTests",
      dependencies: ["Base", "CRdkafka", "KafkaTransport", "Records", "TestSupport", "freshet-test-broker"]),
    .testTarget(
      name: "BatchTests",
      dependencies: [
        "Base", "Batch", "Compression", "Configuration", "Features", "Processing", "Records", "TestSupport",
        .product(name: "Logging", package: "swift-log"),
      ]),
    .testTarget(
      name: "ServingTests",
      dependencies: [
        "Base", "Configuration", "Features", "HTTPServer", "Measuring", "Monitoring", "RedisStore", "Serving", "TestSupport",
      ]),
    .testTarget(name: "HTTPServerTests", dependencies: ["Base", "HTTPServer", "TestSupport"]),
    .testTarget(name: "HTTPTransportTests", dependencies: ["Base", "HTTPTransport", "Records", "TestSupport"]),
    .testTarget(
      name: "ProcessingTests",
      dependencies: [
        "Base", "Codec", "Configuration", "Features", "LocalTransport", "Measuring", "Processing", "Records", "Schema",
        "TestSupport", "Windowing",
        .product(name: "Logging", package: "swift-log"),
      ],
      exclude: ["Golden"]),
    .systemLibrary(
      name: "CLua", path: "Tests/Support/CLua", providers: [.apt(["liblua5.1-0-dev"]), .brew(["lua@5.1"])]),
    // Optimized also where all else is not: the simulated Redis is no part of what is tested.
    .testTarget(
      name: "SimulationTests",
      dependencies: [
        "Base", "CLua", "Features", "Processing", "Records", "RedisStore", "Schema", "TestSupport", "Windowing",
        .product(name: "Logging", package: "swift-log"),
      ], swiftSettings: [.unsafeFlags(["-O"], .when(configuration: .debug))]),
    .testTarget(
      name: "VerificationTests", dependencies: ["Base", "Configuration", "Generation", "Records", "Schema", "Verification"]),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "Base", "Batch", "HTTPServer", "Measuring", "Monitoring", "Records", "RedisStore", "TestSupport", "freshet-test-broker",
      ]),
    // Runs with `make test-faults` alone.
    .testTarget(
      name: "FaultTests", dependencies: ["Base", "RedisStore", "TestSupport", "freshet-test-broker"],
      exclude: ["Fixtures"]),
  ],
  swiftLanguageModes: [.v6]
)
