import Dispatch
import Foundation
import MicroVM
import Palimpsest
import Synchronization
import Testing

/// A snapshot and what a sandbox restored to it must look like.
package struct Witness {
    package let snapshot: Snapshot
    package let oracle: Oracle
    package let registers: [UInt8]
}

/// Snapshots that several fuzzers, on several threads, take, restore and start from.
package final class WitnessPool: Sendable {
    private let list = Mutex<[Witness]>([])
    private let limit = 12

    package init() {}

    package func add(_ witness: Witness, _ random: inout SplitMix) {
        list.withLock { list in
            if list.count < limit { list.append(witness) } else { list[Int(random.next() % UInt64(limit))] = witness }
        }
    }

    package func pick(_ random: inout SplitMix) -> Witness? {
        list.withLock { $0.isEmpty ? nil : $0[Int(random.next() % UInt64($0.count))] }
    }
}

/// Runs random programs in a sandbox and holds what every restore leaves against the oracle.
package struct Fuzzer {
    package static let configuration = SandboxConfiguration(
        heapByteCount: 256 << 10, stackByteCount: 64 << 10, mailboxByteCount: 16 << 10, scratchByteCount: 4 << 20)

    private var random: SplitMix
    private let pool: WitnessPool
    private let strategy: RollbackStrategy
    private let registerReset: RegisterReset
    private let filePath: String
    private var sandbox: Sandbox
    private var current: Witness
    package private(set) var programCount = 0
    package private(set) var endings: [String: Int] = [:]

    package static func makeSandbox(_ strategy: RollbackStrategy, _ registerReset: RegisterReset = .byHost) throws
        -> Sandbox
    {
        var configuration = configuration
        configuration.rollbackStrategy = strategy
        configuration.registerReset = registerReset
        return try Sandbox(
            guest: .bytes(Guests.fuzz), configuration: configuration, hostFunctions: makeHostFunctions())
    }

    package init(
        seed: UInt64, strategy: RollbackStrategy, pool: WitnessPool, filePath: String,
        registerReset: RegisterReset = .byHost
    ) throws {
        random = SplitMix(state: seed)
        self.pool = pool
        self.strategy = strategy
        self.filePath = filePath
        self.registerReset = registerReset
        sandbox = try Fuzzer.makeSandbox(strategy, registerReset)
        current = try Fuzzer.witness(sandbox)
        pool.add(current, &random)
    }

    package static func witness(_ sandbox: Sandbox) throws -> Witness {
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        let registers: [UInt8] = try sandbox.call("state")
        try sandbox.restore(snapshot)
        return Witness(snapshot: snapshot, oracle: oracle, registers: registers)
    }

    package mutating func run(iterations: Int) throws {
        for _ in 0..<iterations {
            for _ in 0..<Int.random(in: 1...2, using: &random) where sandbox.status == .ready { try runProgram() }
            try goOn()
            try check()
        }
    }

    private mutating func runProgram() throws {
        programCount += 1
        let file = sandbox.mappedFiles.randomElement(using: &random)
        let ending = UInt32.random(in: 0...16, using: &random)
        let deadline: ContinuousClock.Instant? =
            ending == 3 || random.next() % 16 == 0 ? .now + .microseconds(Int64(random.next() % 3000)) : nil
        let interrupted = ending == 3 && random.next() % 2 == 0 ? interruptSoon() : nil
        let seed = random.next()
        let steps = UInt32.random(in: 0...40, using: &random)
        let (address, byteCount) = (file?.address ?? 0, UInt64(file?.byteCount ?? 0))
        let outcome: String
        do {
            try sandbox.call("run", seed, steps, ending, address, byteCount, deadline: deadline)
            outcome = "result"
        } catch {
            outcome = String(error.description.prefix { $0 != ":" && $0 != "." })
        }
        endings[outcome, default: 0] += 1
        // An interrupt still to come would end a call that only looks.
        interrupted?.wait()
    }

    /// - Returns: what is signalled when the interrupt is over, whether it hit the call or came late.
    private mutating func interruptSoon() -> DispatchSemaphore {
        let handle = sandbox.interruptHandle
        let microseconds = UInt32(random.next() % 2000)
        let over = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            usleep(microseconds)
            handle.interrupt()
            over.signal()
        }
        return over
    }

    /// One of the ways to another state, or back to the same.
    private mutating func goOn() throws {
        switch random.next() % 12 {
        case 0 where sandbox.status == .ready:
            current = try Fuzzer.witness(sandbox)
            pool.add(current, &random)
        case 1 where sandbox.status == .ready && sandbox.mappedFiles.count < 2:
            try sandbox.mapFile(filePath, at: 0x2_0000_0000 + UInt64(sandbox.mappedFiles.count) << 32)
            current = try Fuzzer.witness(sandbox)
            pool.add(current, &random)
        case 2, 3, 4:
            current = pool.pick(&random) ?? current
            try sandbox.restore(current.snapshot)
        case 5:
            current = pool.pick(&random) ?? current
            sandbox = try Sandbox(
                from: current.snapshot,
                configuration: .init(
                    rollbackStrategy: strategy, copiesWriteSet: random.next() % 2 == 0, registerReset: registerReset),
                hostFunctions: makeHostFunctions())
        default:
            try sandbox.restore(current.snapshot)
        }
    }

    private mutating func check() throws {
        #expect(sandbox.status == .ready)
        #expect(try current.oracle.differences(sandbox) == [], "\(strategy), program \(programCount)")
        guard random.next() % 8 == 0 else { return }
        let registers: [UInt8] = try sandbox.call("state")
        #expect(registers == current.registers, "registers, \(strategy), program \(programCount)")
        try sandbox.restore(current.snapshot)
        #expect(try current.oracle.guestDifferences(sandbox) == [], "\(strategy), program \(programCount)")
        try sandbox.restore(current.snapshot)
        #expect(try current.oracle.differences(sandbox) == [], "after looking, \(strategy), program \(programCount)")
    }
}
