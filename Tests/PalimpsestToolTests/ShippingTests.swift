import Foundation
import Testing

/// Snapshots go where images go: Debian's docker-registry and skopeo, on this machine only.
@Suite("Shipping")
struct ShippingTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private static func run(_ program: String, _ arguments: [String]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }

    /// A registry on loopback, gone with its owner.
    private final class Registry {
        let address: String
        private let process = Process()

        init(in scratch: Scratch) throws {
            let port = try Registry.freePort()
            address = "127.0.0.1:\(port)"
            let configuration = try scratch.file(
                "registry.yml",
                """
                version: 0.1
                log: {level: error}
                storage: {filesystem: {rootdirectory: \(scratch.url.path)/registry}}
                http: {addr: "\(address)"}

                """)
            process.executableURL = URL(fileURLWithPath: "/usr/bin/docker-registry")
            process.arguments = ["serve", configuration.path]
            process.standardOutput = FileHandle.nullDevice
            process.standardError = FileHandle.nullDevice
            try process.run()
            for _ in 0..<200 where !Registry.isOpen(port) { usleep(50_000) }
        }

        deinit {
            process.terminate()
            process.waitUntilExit()
        }

        /// A port nobody has at the moment.
        private static func freePort() throws -> UInt16 {
            try withSocket { socket, address in
                var address = address
                var length = socklen_t(MemoryLayout<sockaddr_in>.size)
                let result = withUnsafeMutablePointer(to: &address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        bind(socket, $0, length) == 0 ? getsockname(socket, $0, &length) : -1
                    }
                }
                try #require(result == 0)
                return UInt16(bigEndian: address.sin_port)
            }
        }

        private static func isOpen(_ port: UInt16) -> Bool {
            let result = try? withSocket { socket, address in
                var address = address
                address.sin_port = port.bigEndian
                return withUnsafePointer(to: &address) { pointer in
                    pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                        connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
                    }
                }
            }
            return result ?? false
        }

        private static func withSocket<Result>(_ body: (CInt, sockaddr_in) throws -> Result) throws -> Result {
            let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            try #require(socket >= 0)
            defer { close(socket) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = inet_addr("127.0.0.1")
            return try body(socket, address)
        }
    }

    @Test("a snapshot goes to a registry and back with skopeo, digests and all, and runs")
    func roundTrip() throws {
        let skopeo = "/usr/bin/skopeo"
        for program in [skopeo, "/usr/bin/docker-registry"] {
            try #require(
                FileManager.default.isExecutableFile(atPath: program),
                "\(program) is missing: apt-get install docker-registry skopeo")
        }
        let guest = try TestGuest.shared.get().path
        let store = scratch.url.appendingPathComponent("store").path
        let pulled = scratch.url.appendingPathComponent("pulled").path
        let saved = try Tool.run("snapshot", "save", guest, "\(store):warm", "--warm-up", "echo x", "--json")
        let digest = try #require(try saved.json()["digest"] as? String)
        let registry = try Registry(in: scratch)
        let remote = "docker://\(registry.address)/snapshots/warm:1"
        let push = try ShippingTests.run(
            skopeo, ["copy", "--dest-tls-verify=false", "oci:\(store):warm", remote])
        #expect(push.status == 0, "\(push.output)")
        let pull = try ShippingTests.run(
            skopeo, ["copy", "--src-tls-verify=false", remote, "oci:\(pulled):back"])
        #expect(pull.status == 0, "\(pull.output)")
        let called = try Tool.run("call", "\(pulled)@\(digest)", "subtract", "50", "8", "--verify")
        #expect(called.output == "42\n", "\(called.errors)")
        #expect(try Tool.run("call", "\(pulled):back", "echo", "pulled").output == "pulled\n")
        // Plain `skopeo inspect` is for container images alone: of other artifacts it shows the manifest.
        let inspected = try ShippingTests.run(skopeo, ["inspect", "--raw", "--tls-verify=false", remote])
        #expect(inspected.output.contains(#""org.opencontainers.image.title":"Palimpsest snapshot""#))
        #expect(inspected.output.contains(#""vnd.palimpsest.snapshot.exports":"not small large"#))
        // A store that another tool wrote takes further snapshots.
        let next = try Tool.run("snapshot", "save", "\(pulled):back", "\(pulled):next", "--call", "echo y")
        #expect(next.status == 0, "\(next.errors)")
        #expect(try Tool.run("snapshot", "verify", pulled).output == "ok\n")
    }
}
