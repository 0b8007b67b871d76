import Foundation
@_spi(Benchmarks) import Palimpsest

extension Suite {
    /// Many sandboxes of one snapshot at a time, each alive and called, beside as many bare virtual machines.
    static let density = Suite(
        name: "density", summary: "100 and 1,000 sandboxes of one snapshot: memory, creation, calls"
    ) {
        effort in
        let snapshot = try BenchGuest.snapshot(pageCount: 64)
        var report = Report()
        for count in effort.isQuick ? [100] : [100, 1_000] {
            report.add(try Density(snapshot, count: count).run())
        }
        return report
    }
}

/// So many virtual machines, and so many sandboxes, one population after the other.
private struct Density {
    private let snapshot: Snapshot
    private let count: Int
    /// Creation is measured over the last tenth: what the Nth costs.
    private var lastCount: Int { count / 10 }

    init(_ snapshot: Snapshot, count: Int) {
        self.snapshot = snapshot
        self.count = count
    }

    func run() throws -> Report {
        let bareName = "density/\(count)/create-vm"
        var bareCreation = Measurement(bareName)
        var creation = Measurement("density/\(count)/create", over: bareName)
        var firstCall = Measurement("density/\(count)/first-call")
        var round = Measurement("density/\(count)/round-of-calls")
        let bare = try BareMachine(from: snapshot, function: "exitForever")
        // What the kernel keeps of machines that are gone is not to help whoever comes second.
        var warmUp = Measurement("warm-up")
        _ = try population(&warmUp) { try bare.makeAnother() }
        let machines = try population(&bareCreation) { try bare.makeAnother() }
        let sandboxes = try population(&creation) {
            try Sandbox(from: snapshot)
        } then: { sandboxes in
            try call(sandboxes, &firstCall)
            try call(sandboxes, &round)
        }
        return Report(
            results: [
                Record(bareCreation, floorP50: nil), Record(creation, floorP50: bareCreation.p50),
                Record(firstCall, floorP50: nil), Record(round, floorP50: nil),
            ],
            amounts: [
                Amount("density/\(count)/memory/bare-vm", machines),
                Amount("density/\(count)/memory/sandbox", sandboxes, over: machines),
            ])
    }

    /// Makes all of one kind, and lets go of them again.
    /// - Returns: bytes of memory that the system has less for each of them while they are alive, `then` done.
    private func population<Member>(
        _ creation: inout Measurement, _ make: () throws -> Member, then: ([Member]) throws -> Void = { _ in }
    ) throws -> Int {
        Sandbox.releaseIdleMachines()
        var members: [Member] = []
        members.reserveCapacity(count)
        let before = try SystemMemoryUse.settled()
        for index in 0..<count {
            let start = nanosecondsNow()
            members.append(try make())
            if index >= count - lastCount { creation.record(nanosecondsNow() - start) }
        }
        try then(members)
        let after = try SystemMemoryUse.settled()
        return withExtendedLifetime(members) { max(0, after - before) / count }
    }

    private func call(_ sandboxes: [Sandbox], _ measurement: inout Measurement) throws {
        for sandbox in sandboxes {
            let start = nanosecondsNow()
            try BenchGuest.check(try sandbox.call("add", Int64(40), Int64(2)) == Int64(42))
            try sandbox.restore(snapshot)
            measurement.record(nanosecondsNow() - start)
        }
    }
}

/// Memory in use, the kernel's own behind virtual machines included: of this process's control group, which other
/// processes may be in as well; without one, of the whole system.
enum SystemMemoryUse {
    /// The least of a few looks: others' moments do not count.
    static func settled() throws -> Int {
        var least = Int.max
        for _ in 0..<10 {
            usleep(20_000)
            least = min(least, try controlGroup ?? system())
        }
        return least
    }

    /// `memory.current` (cgroup v2) or `memory.usage_in_bytes` (v1) of the group that /proc/self/cgroup names.
    private static var controlGroup: Int? {
        guard let groups = try? String(contentsOfFile: "/proc/self/cgroup", encoding: .utf8) else { return nil }
        for line in groups.split(separator: "\n") {
            let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard fields.count == 3 else { continue }
            let file =
                switch fields[1] {
                case "memory": "/sys/fs/cgroup/memory\(fields[2])/memory.usage_in_bytes"
                case "": "/sys/fs/cgroup\(fields[2])/memory.current"
                default: ""
                }
            guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { continue }
            if let byteCount = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)) { return byteCount }
        }
        return nil
    }

    /// `MemTotal` less `MemAvailable` (proc(5), meminfo).
    private static func system() throws -> Int {
        let text = try String(contentsOfFile: "/proc/meminfo", encoding: .utf8)
        func kibibytes(_ key: String) -> Int {
            let line = text.split(separator: "\n").first { $0.hasPrefix(key + ":") }
            return line.flatMap { $0.split(whereSeparator: \.isWhitespace).dropFirst().first }.flatMap { Int($0) } ?? 0
        }
        return (kibibytes("MemTotal") - kibibytes("MemAvailable")) * 1024
    }
}
