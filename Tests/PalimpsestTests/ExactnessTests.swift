import CPalimpsest
import Foundation
import TestSupport
import Testing

@testable import MicroVM
@testable import Palimpsest

/// The contract: after a restore, everything the guest can see equals the snapshot.
@Suite("Exactness")
struct ExactnessTests {
    @Test(
        "after random programs, ended in every way, every restore leaves exactly the snapshot",
        arguments: RollbackStrategy.allCases)
    func everyStrategy(strategy: RollbackStrategy) throws {
        let file = try TemporaryFile(byteCount: 40_000)
        var fuzzer = try Fuzzer(
            seed: 0x5eed + UInt64(strategy.rawValue.utf8.count), strategy: strategy, pool: WitnessPool(),
            filePath: file.path)
        try fuzzer.run(iterations: 700)
        #expect(fuzzer.programCount > 600)
        // Whether interrupts come before deadlines is the machine's doing.
        #expect(fuzzer.endings.count > 3, "\(fuzzer.endings)")
    }

    @Test(
        "after random programs in resident calls, every restore leaves exactly the snapshot, registers included",
        arguments: RollbackStrategy.allCases,
        [RegisterReset.byGuest(Residency()), .byGuest(Residency(parkAfter: .milliseconds(1), callsPerFullRestore: 3))])
    func resident(strategy: RollbackStrategy, registerReset: RegisterReset) throws {
        let file = try TemporaryFile(byteCount: 40_000)
        var fuzzer = try Fuzzer(
            seed: 0x7e51_de47 + UInt64(strategy.rawValue.utf8.count), strategy: strategy, pool: WitnessPool(),
            filePath: file.path, registerReset: registerReset)
        try fuzzer.run(iterations: 300)
        // Whether interrupts come before deadlines is the machine's doing.
        #expect(fuzzer.endings.count > 3, "\(fuzzer.endings)")
    }

    @Test("sandboxes on several threads restore to each other's snapshots, exactly")
    func threads() async throws {
        let file = try TemporaryFile(byteCount: 40_000)
        let pool = WitnessPool()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, strategy) in RollbackStrategy.allCases.enumerated() {
                let registerReset = index == 0 ? RegisterReset.byGuest(Residency()) : .byHost
                group.addTask {
                    try await onThread {
                        var fuzzer = try Fuzzer(
                            seed: UInt64(index), strategy: strategy, pool: pool, filePath: file.path,
                            registerReset: registerReset)
                        try fuzzer.run(iterations: 200)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    // MARK: - The oracle itself: a broken rollback does not get past it

    private struct Subject {
        let sandbox: Sandbox
        let witness: Witness

        init() throws {
            sandbox = try Fuzzer.makeSandbox(.copy)
            witness = try Fuzzer.witness(sandbox)
            try sandbox.call("run", UInt64(42), UInt32(60), UInt32(0), UInt64(0), UInt64(0))
        }

        func differences() throws -> [String] { try witness.oracle.differences(sandbox) }
    }

    @Test("the oracle passes an honest rollback, and notices a missing one")
    func honest() throws {
        let subject = try Subject()
        #expect(try !subject.differences().isEmpty)
        try subject.sandbox.restore(subject.witness.snapshot)
        #expect(try subject.differences() == [])
        #expect(try subject.witness.oracle.guestDifferences(subject.sandbox) == [])
    }

    @Test("the oracle notices each single page that a rollback skips")
    func skippedPage() throws {
        let subject = try Subject()
        let memory = subject.sandbox.machine.memory
        memory.collect()
        var skipped = 0
        for address in memory.tracked.addresses {
            let frame = memory.scratch.host(memory.tables[address].frame)
            let written = [UInt8](UnsafeRawBufferPointer(start: frame, count: pageByteCount))
            try subject.sandbox.restore(subject.witness.snapshot)
            let pristine = [UInt8](UnsafeRawBufferPointer(start: frame, count: pageByteCount))
            guard pristine != written else { continue }
            written.withUnsafeBytes { frame.copyMemory(from: $0.baseAddress!, byteCount: pageByteCount) }
            #expect(try subject.differences().count == 1, "page \(address)")
            skipped += 1
            try subject.sandbox.call("run", UInt64(42), UInt32(60), UInt32(0), UInt64(0), UInt64(0))
        }
        #expect(skipped > 5)
    }

    @Test("the oracle notices one wrong byte, and a guest reads it")
    func wrongByte() throws {
        let subject = try Subject()
        try subject.sandbox.restore(subject.witness.snapshot)
        let memory = subject.sandbox.machine.memory
        let page = try #require(memory.tracked.addresses.first { memory.mapping(at: $0)?.region.label == .data })
        let frame = memory.scratch.host(memory.tables[page].frame)
        frame.storeBytes(
            of: frame.load(fromByteOffset: 4095, as: UInt8.self) ^ 1, toByteOffset: 4095, as: UInt8.self)
        #expect(try subject.differences() == ["data at \(page + 4095)"])
        #expect(try subject.witness.oracle.guestDifferences(subject.sandbox) == ["data as the guest reads it"])
    }

    @Test("the oracle notices a permission that is not as it was")
    func wrongPermission() throws {
        let subject = try Subject()
        try subject.sandbox.restore(subject.witness.snapshot)
        let memory = subject.sandbox.machine.memory
        let code = try #require(memory.image.regions.mappings.first { $0.region.label == .code }).region.guest
            .lowerBound
        let entry = try #require(memory.tables.leaf(code))
        entry.pointee |= PageTableEntry.writable
        #expect(try subject.differences().count == 1)
        entry.pointee &= ~PageTableEntry.writable
        entry.pointee &= ~PageTableEntry.noExecute | PageTableEntry.noExecute
        #expect(try subject.differences() == [])
    }

    @Test("the oracle notices FPU state that is not reset")
    func wrongFPU() throws {
        let subject = try Subject()
        try subject.sandbox.restore(subject.witness.snapshot)
        let memory = subject.sandbox.machine.memory
        let image = memory.scratch.host(memory.image.layout.constants)
        #expect(try subject.sandbox.call("state") == subject.witness.registers)
        // What the entry code loads: MXCSR with other rounding.
        image.storeBytes(of: 0x7f80, toByteOffset: 24, as: UInt32.self)
        #expect(try subject.sandbox.call("state") != subject.witness.registers)
        image.storeBytes(of: 0x1f80, toByteOffset: 24, as: UInt32.self)
        #expect(try subject.sandbox.call("state") == subject.witness.registers)
        // XMM state marked as present in the image: loaded instead of initialised, behind a call that used more of the
        // state than XMM registers.
        try subject.sandbox.call("spoil", 0 as UInt32)
        image.storeBytes(of: 0b10, toByteOffset: 512, as: UInt64.self)
        image.storeBytes(of: 0xff, toByteOffset: 160 + 16 * 12, as: UInt8.self)
        #expect(try subject.sandbox.call("state") != subject.witness.registers)
    }
}
