import Foundation
import Logging
import PalimpsestDebugger

@testable import Palimpsest
@testable import PalimpsestStore

/// A guest's whole life on the real /dev/kvm: its file is loaded, its initialisers run, its functions are called and
/// fault, it is brought back to a snapshot, saved to a store and loaded again.
final class GuestTarget: FuzzTarget {
    private static let mutator = ELFMutator(includesContent: true)
    private static let callCount = 3
    /// Descriptors that machines, caches and tables may keep.
    private static let descriptorLimit = 256

    private let folder: TemporaryFolder
    private let hostFunctions: HostFunctions
    /// Of most sandboxes; and of those whose faults write cores.
    private let configuration: SandboxConfiguration
    private let coreConfiguration: SandboxConfiguration
    private var runCount = 0

    static func seeds() throws -> [Seed] {
        try Guests.seeds(["anywhere", "behaved", "hostile", "golden", "chatty", "debuggee"], withLines: false)
            + Guests.seeds(["anywhere", "faulty", "faulty-swift"], withLines: true)
    }

    init() throws {
        folder = try TemporaryFolder()
        hostFunctions = try GuestTarget.makeHostFunctions()
        var configuration = SandboxConfiguration(
            heapByteCount: 64 << 10, stackByteCount: 64 << 10, mailboxByteCount: 64 << 10, scratchByteCount: 4 << 20,
            initializationTimeLimit: .milliseconds(20),
            logger: Logger(label: "guest") { _ in CheckingLogHandler() })
        self.configuration = configuration
        configuration.coreDump = CoreDumpPolicy(directory: folder.path, maximumCount: .max)
        coreConfiguration = configuration
    }

    private static func makeHostFunctions() throws -> HostFunctions {
        var host = HostFunctions()
        try host.register("add") { (left: Int64, right: Int64) -> Int64 in left &+ right }
        try host.register("twice") { (value: Int64) -> Int64 in 2 &* value }
        try host.register("answer") { (value: Int64) -> Int64 in ~value }
        try host.register("tick") { () -> Void in }
        try host.register("join") { (text: String, bytes: [UInt8], number: Double) -> String in
            "\(text)|\(bytes.count)|\(number)"
        }
        return host
    }

    func mutate(_ input: inout [UInt8], _ random: inout SplitMix) -> Bool {
        GuestTarget.mutator.mutate(&input, &random)
    }

    func run(_ input: [UInt8]) {
        var random = SplitMix(state: input.integer(input.count - 8, 8) ?? 0)
        do throws(SandboxError) {
            try live(input, &random)
        } catch {
            check(error)
        }
        runCount += 1
        guard runCount % 64 == 0 else { return }
        let count = Check.count(of: "fd")
        Check.holds(count < GuestTarget.descriptorLimit, "\(count) descriptors are open")
    }

    // MARK: - A life

    private func live(_ file: [UInt8], _ random: inout SplitMix) throws(SandboxError) {
        let configuration = random.next() % 8 == 0 ? coreConfiguration : configuration
        let sandbox = try Sandbox(guest: .bytes(file), configuration: configuration, hostFunctions: hostFunctions)
        Check.holds(sandbox.status == .ready, "a new sandbox is \(sandbox.status)")
        Check.text(sandbox.exports.map(\.description).joined(), "the exports", limit: 1 << 20)
        let snapshot = try sandbox.snapshot()
        let memory = try? GuestMemory(of: sandbox)
        var outcomes: [Outcome] = []
        var calls: [GuestCall] = []
        for _ in 0..<GuestTarget.callCount {
            guard let export = sandbox.exports.randomElement(using: &random) else { return }
            let call = GuestCall(export, &random)
            outcomes.append(try repeated(call, sandbox, snapshot, memory))
            calls.append(call)
        }
        if random.next() % 8 == 0 { try checkStored(snapshot, calls, outcomes) }
    }

    /// - Throws: if the machine has no more to give.
    private func restore(_ sandbox: Sandbox, _ snapshot: Snapshot) throws(SandboxError) {
        do throws(SandboxError) {
            try sandbox.restore(snapshot)
        } catch .machine(let error) {
            throw .machine(error)
        } catch {
            Check.holds(false, "a sandbox cannot be restored: \(error)")
        }
        Check.holds(sandbox.status == .ready, "a sandbox is \(sandbox.status) after it was restored")
    }

    /// Makes the same call until it is known whether the guest does the same every time: a guest that reads the time
    /// does not, and one that a deadline stops was somewhere.
    private func repeated(
        _ call: GuestCall, _ sandbox: Sandbox, _ snapshot: Snapshot, _ memory: GuestMemory?
    ) throws(SandboxError) -> Outcome {
        let generation = sandbox.machine.generation
        func outcome() throws(SandboxError) -> Outcome {
            sandbox.machine.generation = generation
            let outcome = Outcome(of: call, in: sandbox)
            if let error = outcome.error { check(error) }
            Check.holds(outcome.leaves(sandbox.status), "\(sandbox.status) after \(outcome.text)")
            try restore(sandbox, snapshot)
            check(memory, sandbox, after: outcome)
            return outcome
        }
        let first = try outcome()
        guard first.isRepeatable else { return first }
        let second = try outcome()
        guard first.text != second.text, second.isRepeatable else { return first }
        var others: Set<String> = []
        for _ in 0..<8 { others.insert(try outcome().text) }
        Check.holds(
            others.count > 1, "\(call) ended with\n\(first.text)\nat first, then with\n\(second.text)\nthen \(others)")
        return first
    }

    private func check(_ memory: GuestMemory?, _ sandbox: Sandbox, after outcome: Outcome) {
        let now = try? GuestMemory(of: sandbox)
        Check.holds((now == nil) == (memory == nil), "memory that was there is gone, or the other way round")
        guard let memory, let difference = now?.difference(from: memory) else { return }
        Check.holds(false, "\(difference) is not what it was before\n\(outcome.text)")
    }

    /// What was saved and loaded ends in the same way. It has lost the lines of its sources, which stores do not keep.
    private func checkStored(
        _ snapshot: Snapshot, _ calls: [GuestCall], _ outcomes: [Outcome]
    ) throws(SandboxError) {
        folder.removeAll()
        let path = folder.path + "/store"
        let loaded: Snapshot
        do throws(SnapshotStoreError) {
            try snapshot.save(to: path, tag: "saved")
            loaded = try Snapshot(loading: path, reference: "saved", verify: .digests, prefetch: false)
        } catch {
            return Check.holds(false, "what was saved does not load: \(error)")
        }
        let sandbox = try Sandbox(from: loaded, configuration: configuration, hostFunctions: hostFunctions)
        for (call, known) in zip(calls, outcomes) {
            let outcome = Outcome(of: call, in: sandbox)
            if let error = outcome.error { check(error) }
            if let one = known.backtrace, let other = outcome.backtrace, one.map(\.address) == other.map(\.address) {
                for (frame, stored) in zip(one, other) where frame.symbol?.isEmpty == false {
                    Check.holds(frame.symbol == stored.symbol && frame.offset == stored.offset, "\(frame) is \(stored)")
                }
            }
            try restore(sandbox, loaded)
        }
    }

    private func check(_ error: SandboxError) {
        // A fault names four frames.
        Check.text(error.description, "an error", limit: 64 << 10)
        guard case .fault(let fault) = error else { return }
        Check.text(fault.report, "a report", hasLines: true, limit: 1 << 20)
        Check.holds((1...64).contains(fault.backtrace.count), "\(fault.backtrace.count) frames")
        switch fault.core {
        case .success(let path): unlink(path)
        case .failure(let error): Check.holds(error == .unrecoverable, "no core: \(error)")
        case nil: break
        }
    }
}
