// swift-tools-version: 6.1
import PackageDescription

// The engine built for libFuzzer: its sources, by symbolic links, with coverage and the address sanitizer. A package of
// its own, because a package with unsafe flags cannot be depended on. Built and run by the script `run` beside it.

/// libFuzzer without a `main`, as the toolchain has it.
let fuzzerRuntime = Context.environment["PALIMPSEST_FUZZER_RUNTIME"] ?? "libclang_rt.fuzzer_no_main-x86_64.a"

// One list: with an option for each sanitizer, only C would be instrumented.
let swiftInstrumentation: [SwiftSetting] = [
    .unsafeFlags(["-enable-testing", "-sanitize=fuzzer,address", "-g"])
]
let cInstrumentation: [CSetting] = [.unsafeFlags(["-fsanitize=address", "-fsanitize=fuzzer-no-link", "-g"])]

let package = Package(
    name: "palimpsest-fuzz",
    products: [.executable(name: "palimpsest-fuzz", targets: ["palimpsest-fuzz"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-distributed-tracing", from: "1.7.3"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", from: "2.13.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        // What is under test.
        .target(name: "CPalimpsest", dependencies: ["CLiburing"], cSettings: cInstrumentation),
        .systemLibrary(name: "CLiburing", pkgConfig: "liburing"),
        .target(
            name: "MicroVM",
            dependencies: ["CPalimpsest", .product(name: "SystemPackage", package: "swift-system")],
            swiftSettings: swiftInstrumentation),
        .target(
            name: "GuestABI",
            dependencies: ["CPalimpsest", "MicroVM", .product(name: "SystemPackage", package: "swift-system")],
            swiftSettings: swiftInstrumentation),
        .target(
            name: "Palimpsest",
            dependencies: [
                "CPalimpsest", "GuestABI", "MicroVM",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: swiftInstrumentation),
        .target(
            name: "PalimpsestStore",
            dependencies: [
                "CPalimpsest", "Crypto", "GuestABI", "MicroVM", "Palimpsest",
                .product(name: "SystemPackage", package: "swift-system"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: swiftInstrumentation),
        .target(
            name: "PalimpsestPool",
            dependencies: [
                "CPalimpsest", "GuestABI", "MicroVM", "Palimpsest",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Metrics", package: "swift-metrics"),
                .product(name: "Tracing", package: "swift-distributed-tracing"),
            ],
            swiftSettings: swiftInstrumentation),
        .target(
            name: "PalimpsestDebugger",
            dependencies: [
                "CPalimpsest", "GuestABI", "MicroVM", "Palimpsest", "PalimpsestPool",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: swiftInstrumentation),

        // In place of swift-crypto, of which the engine uses SHA-256 only: BoringSSL takes minutes to compile.
        .target(name: "Crypto", path: "Sources/CryptoStandIn"),

        // Guests for seeds.
        .target(name: "PalimpsestGuest", exclude: ["SDK"]),
        .target(name: "GuestToolchain", dependencies: ["PalimpsestGuest"]),

        // The fuzz targets.
        .target(name: "CLibFuzzer"),
        .executableTarget(
            name: "palimpsest-fuzz",
            dependencies: [
                "CLibFuzzer", "CPalimpsest", "GuestABI", "GuestToolchain", "MicroVM", "Palimpsest",
                "PalimpsestDebugger",
                "PalimpsestStore",
                .product(name: "Logging", package: "swift-log"),
            ],
            swiftSettings: [.unsafeFlags(["-sanitize=address", "-g"])],
            linkerSettings: [
                .unsafeFlags(["-sanitize=address", "-use-ld=lld", fuzzerRuntime]), .linkedLibrary("stdc++"),
            ]),
    ]
)
