// swift-tools-version: 6.1
import PackageDescription

let package = Package(
    name: "palimpsest",
    products: [
        .library(name: "Palimpsest", targets: ["Palimpsest"]),
        .library(name: "PalimpsestStore", targets: ["PalimpsestStore"]),
        .library(name: "PalimpsestPool", targets: ["PalimpsestPool"]),
        .library(name: "PalimpsestLifecycle", targets: ["PalimpsestLifecycle"]),
        .library(name: "PalimpsestDebugger", targets: ["PalimpsestDebugger"]),
        .library(name: "GuestToolchain", targets: ["GuestToolchain"]),
        .executable(name: "palimpsest", targets: ["PalimpsestTool"]),
        .executable(name: "palimpsest-serve", targets: ["PalimpsestServe"]),
        .executable(name: "palimpsest-bench", targets: ["PalimpsestBench"]),
        .executable(name: "palimpsest-example", targets: ["PalimpsestExample"]),
        .plugin(name: "GuestBuilder", targets: ["GuestBuilder"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", from: "0.2.0"),
        // Of the HTTP server only.
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1", traits: []),
    ],
    targets: [
        // The engine.
        .target(name: "CPalimpsest", dependencies: ["CLiburing"]),
        .systemLibrary(
            name: "CLiburing", pkgConfig: "liburing", providers: [.apt(["liburing-dev", "linux-libc-dev"])]),
        .target(
            name: "MicroVM",
            dependencies: ["CPalimpsest", .product(name: "SystemPackage", package: "swift-system")]),
        .target(
            name: "GuestABI",
            dependencies: [
                "CPalimpsest", "MicroVM", .product(name: "SystemPackage", package: "swift-system"),
            ]),
        .target(
            name: "Palimpsest",
            dependencies: [
                "CPalimpsest", "GuestABI", "MicroVM",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ]),
        .target(
            name: "PalimpsestStore",
            dependencies: [
                "CPalimpsest", "GuestABI", "MicroVM", "Palimpsest",
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ]),
        .target(
            name: "PalimpsestPool",
            dependencies: [
                "CPalimpsest", "GuestABI", "MicroVM", "Palimpsest",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ]),

        // A pool as a service: apart, so that the engine does not depend on swift-service-lifecycle.
        .target(
            name: "PalimpsestLifecycle",
            dependencies: [
                "PalimpsestPool",
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ]),

        // Debug sessions, gdb's remote protocol, ELF cores.
        .target(
            name: "PalimpsestDebugger",
            dependencies: [
                "CPalimpsest", "GuestABI", "MicroVM", "Palimpsest", "PalimpsestPool",
                .product(name: "SystemPackage", package: "swift-system"),
            ]),

        // Building guests: the SDK they are made with, carried inside the host binary; the compiler driver; the plugin.
        .target(name: "PalimpsestGuest", exclude: ["SDK"]),
        .target(name: "GuestToolchain", dependencies: ["PalimpsestGuest"]),
        .executableTarget(
            name: "guest-compiler", dependencies: ["GuestToolchain"], path: "Sources/GuestCompiler"),
        .plugin(
            name: "GuestBuilder", capability: .buildTool(), dependencies: ["guest-compiler"],
            path: "Sources/GuestBuilder"),

        // What a person runs.
        .target(
            name: "ToolSupport",
            dependencies: [
                "Palimpsest", "PalimpsestDebugger", "PalimpsestStore",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ]),
        .executableTarget(
            name: "PalimpsestTool",
            dependencies: [
                "GuestABI", "GuestToolchain", "Palimpsest", "PalimpsestDebugger", "PalimpsestStore", "ToolSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/palimpsest"),

        // The HTTP server. Nothing else depends on Hummingbird.
        .target(
            name: "PrometheusText", dependencies: [.product(name: "CoreMetrics", package: "swift-metrics")]),
        .executableTarget(
            name: "PalimpsestServe",
            dependencies: [
                "GuestABI", "Palimpsest", "PalimpsestDebugger", "PalimpsestPool", "PalimpsestStore", "PrometheusText",
                "ToolSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ],
            path: "Sources/palimpsest-serve"),

        .executableTarget(
            name: "PalimpsestExample", dependencies: ["Palimpsest"], path: "Sources/Example",
            exclude: ["Guests"], plugins: ["GuestBuilder"]),
        .target(name: "AllocationCounter", path: "Benchmarks/AllocationCounter"),
        .executableTarget(
            name: "PalimpsestBench",
            dependencies: [
                "AllocationCounter", "Palimpsest", "PalimpsestPool", "PalimpsestStore", "ToolSupport",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Histogram", package: "hdrhistogram-swift"),
                .product(name: "Metrics", package: "swift-metrics"),
            ],
            path: "Benchmarks/palimpsest-bench", exclude: ["Guests"], plugins: ["GuestBuilder"]),

        // Tests run real guests on the real /dev/kvm.
        .target(name: "ThreadState", path: "Tests/ThreadState"),
        .target(
            name: "TestSupport",
            dependencies: [
                "CPalimpsest", "GuestABI", "GuestToolchain", "MicroVM", "Palimpsest", "PalimpsestPool",
                "PalimpsestStore",
                "ThreadState",
            ],
            path: "Tests/TestSupport", exclude: ["Guests"], plugins: ["GuestBuilder"]),
        .testTarget(name: "MicroVMTests", dependencies: ["CPalimpsest", "MicroVM", "Palimpsest", "TestSupport"]),
        .testTarget(
            name: "GuestABITests",
            dependencies: [
                "CPalimpsest", "GuestABI", "GuestToolchain", "MicroVM", "Palimpsest", "PalimpsestStore", "TestSupport",
            ]),
        .testTarget(
            name: "PalimpsestTests",
            dependencies: [
                "CPalimpsest", "GuestABI", "GuestToolchain", "MicroVM", "Palimpsest", "PalimpsestDebugger",
                "PalimpsestPool", "PalimpsestStore", "TestSupport", "ThreadState",
                .product(name: "InMemoryTracing", package: "swift-distributed-tracing"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
            ]),
        .testTarget(
            name: "PalimpsestStoreTests",
            dependencies: [
                "CPalimpsest", "GuestABI", "MicroVM", "Palimpsest", "PalimpsestStore", "TestSupport",
            ],
            resources: [.copy("Golden")]),
        .testTarget(
            name: "PalimpsestPoolTests",
            dependencies: [
                "CPalimpsest", "GuestABI", "MicroVM", "Palimpsest", "PalimpsestLifecycle", "PalimpsestPool",
                "PalimpsestStore", "TestSupport",
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "MetricsTestKit", package: "swift-metrics"),
                .product(name: "ServiceLifecycleTestKit", package: "swift-service-lifecycle"),
            ]),
        .testTarget(
            name: "PalimpsestDebuggerTests",
            dependencies: [
                "CPalimpsest", "GuestABI", "GuestToolchain", "MicroVM", "Palimpsest", "PalimpsestDebugger",
                "PalimpsestPool", "PalimpsestStore", "TestSupport",
            ],
            exclude: ["Guests"], plugins: ["GuestBuilder"]),
        .testTarget(name: "PalimpsestToolTests", dependencies: ["PalimpsestTool", "ToolSupport"]),
        .testTarget(name: "PrometheusTextTests", dependencies: ["PrometheusText"]),
        .testTarget(
            name: "PalimpsestServeTests", dependencies: ["PalimpsestServe", "ToolSupport", "Palimpsest"]),
    ]
)
