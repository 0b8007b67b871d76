import Foundation
@_spi(Benchmarks) import Palimpsest

extension Suite {
    /// What an idle sandbox costs in memory beyond its virtual machine: pages of its own, and the host's page tables.
    static let memory = Suite(name: "memory", summary: "memory of idle sandboxes from one snapshot") { effort in
        let count = effort.isQuick ? 32 : 128
        let snapshot = try BenchGuest.snapshot(pageCount: 64)
        let bare = try BareMachine(from: snapshot, function: "exitForever")
        let machines = try growth(count) { try bare.makeAnother() }
        let idle = try growth(count) { try Sandbox(from: snapshot) }
        let called = try growth(count) {
            let sandbox = try Sandbox(from: snapshot)
            try sandbox.call("writePages", UInt64(16), UInt64(1))
            return sandbox
        }
        return Report(amounts: [
            Amount("memory/bare-vm", machines), Amount("memory/idle-sandbox", idle, over: machines),
            Amount("memory/called-sandbox/pages=16", called, over: machines),
        ])
    }

    /// Bytes for each of `count` things that `make` makes.
    private static func growth(_ count: Int, _ make: () throws -> Any) throws -> Int {
        Sandbox.releaseIdleMachines()
        var kept: [Any] = []
        let before = try MemoryUse.now()
        for _ in 0..<count { kept.append(try make()) }
        let after = try MemoryUse.now()
        return withExtendedLifetime(kept) { (after - before) / count }
    }
}

/// The memory this process has brought into use: its pages (shared ones in full, since scratch is shared memory) and
/// its page tables. The kernel's own memory behind a machine is not in it.
enum MemoryUse {
    static func now() throws -> Int {
        let status = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
        func kibibytes(_ key: String) -> Int {
            let line = status.split(separator: "\n").first { $0.hasPrefix(key + ":") }
            return line.flatMap { $0.split(whereSeparator: \.isWhitespace).dropFirst().first }.flatMap { Int($0) } ?? 0
        }
        return (kibibytes("RssAnon") + kibibytes("RssShmem") + kibibytes("VmPTE")) * 1024
    }
}

/// A result that is a number of bytes, or of something else.
struct Amount: Codable {
    let name: String
    let unit: String
    let value: Int
    /// Beyond its floor's.
    let beyondFloor: Int?

    init(_ name: String, _ value: Int, over floor: Int? = nil, unit: String = "bytes") {
        self.name = name
        self.unit = unit
        self.value = value
        beyondFloor = floor.map { value - $0 }
    }
}
