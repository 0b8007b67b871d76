import Dispatch
import Glibc
import Palimpsest
import PalimpsestPool
import Synchronization

/// Where host functions of a test stop until the test lets them go on.
package final class Gate: Sendable {
    private let open = DispatchSemaphore(value: 0)
    private let arrived = Mutex(0)

    package init() {}

    /// In a host function: waits.
    package func pass() {
        arrived.withLock { $0 += 1 }
        open.wait()
    }

    package func letThrough(_ count: Int) { for _ in 0..<count { open.signal() } }

    /// How many have come so far.
    package var arrivalCount: Int { arrived.withLock { $0 } }
}

/// What host functions of a test have been told, in order.
package final class Notes: Sendable {
    private let notes = Mutex<[Int64]>([])

    package init() {}
    package func add(_ note: Int64) { notes.withLock { $0.append(note) } }
    package var all: [Int64] { notes.withLock { $0 } }
}

/// The host functions of `behaved`, with bodies of the test's for two of them.
package func makePoolHost(
    add: @escaping @Sendable (Int64, Int64) throws -> Int64 = { $0 &+ $1 },
    tick: @escaping @Sendable () throws -> Void = {}
) throws -> HostFunctions {
    var host = HostFunctions()
    try host.register("add", add)
    try host.register("join") { (text: String, bytes: [UInt8], number: Double) -> String in text }
    try host.register("tick", tick)
    try host.register("length") { (text: String) -> Int64 in Int64(text.utf8.count) }
    try host.register("throws") { () throws -> Void in throw HostFailure(number: 7) }
    try host.register("huge") { () -> [UInt8] in [] }
    try host.register("repeated") { (text: String, count: Int) throws -> String in text }
    return host
}

/// Small sandboxes: tests have many of them.
package let smallConfiguration = SandboxConfiguration(
    heapByteCount: 1 << 20, stackByteCount: 64 << 10, mailboxByteCount: 64 << 10, scratchByteCount: 4 << 20)

package func makeBehavedSnapshot() throws -> Snapshot { try makeBehaved(smallConfiguration).snapshot() }
package func makeHostileSnapshot() throws -> Snapshot { try makeHostile(smallConfiguration).snapshot() }

/// A pool whose one thread is held by a call at the gate, so that what comes next waits.
package struct BlockedPool {
    package let pool: SandboxPool
    package let gate: Gate
    let holder: Task<Void, any Error>

    package init(
        _ configuration: SandboxPoolConfiguration = .init(sandboxCount: 1, threadCount: 1),
        add: @escaping @Sendable (Int64, Int64) throws -> Int64 = { $0 &+ $1 }
    ) async throws {
        let gate = Gate()
        let pool = try SandboxPool(
            makeBehavedSnapshot(), configuration: configuration, hostFunctions: makePoolHost(add: add, tick: gate.pass))
        holder = Task { try await pool.call("hostTick") }
        self.pool = pool
        self.gate = gate
        await until { gate.arrivalCount == 1 }
    }

    package func release() async throws {
        gate.letThrough(1)
        try await holder.value
    }
}

/// Waits, ten minutes at most, for something that another thread brings about.
package func until(_ condition: () throws -> Bool) async rethrows {
    let start = ContinuousClock.now
    while try !condition(), .now - start < .seconds(600) { try? await Task.sleep(for: .milliseconds(1)) }
}

/// As `until`, where no descriptor may be left: a task that sleeps needs Dispatch's timers, and those need some.
package func untilWithoutTimers(_ condition: () -> Bool) async {
    for _ in 0..<600_000 where !condition() {
        usleep(1_000)
        await Task.yield()
    }
}

/// What a call ends in whose deadline passes while it runs. On a busy machine it can pass in the queue, or before the
/// guest has begun: as long as `hasRun` says so, the call is made again, with more time.
/// - Returns: the error, and how many calls it took.
package func expire(
    in pool: SandboxPool, hasRun: () async -> Bool = { true }, _ call: (ContinuousClock.Instant) async throws -> Void
) async -> (error: SandboxPoolError?, count: UInt64) {
    var limit = Duration.milliseconds(50)
    var count: UInt64 = 0
    while true {
        count += 1
        let error = await poolError { try await call(.now + limit) }
        switch error {
        case .deadlineExceededInQueue: break
        case .sandbox(.deadlineExceeded): if await hasRun() { return (error, count) }
        default: return (error, count)
        }
        guard limit < .seconds(3_600) else { return (error, count) }
        limit *= 2
    }
}

/// What a call to a pool ended in.
package func poolError(of body: () async throws -> Void) async -> SandboxPoolError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? SandboxPoolError
    }
}

/// Names of this process's threads (proc(5), task/*/comm).
package func threadNames() -> [String] {
    guard let folder = opendir("/proc/self/task") else { return [] }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
        let task = withUnsafePointer(to: &entry.pointee.d_name) {
            $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        guard let file = fopen("/proc/self/task/\(task)/comm", "r") else { continue }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 64)
        if fgets(&line, CInt(line.count), file) != nil {
            names.append(
                String(decoding: line.prefix { $0 != 10 && $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
    }
    return names
}

package var poolThreadCount: Int { threadNames().count { $0.hasPrefix("pool-") } }
