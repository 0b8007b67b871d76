import Foundation
import Glibc
import Logging
import Synchronization
import TestSupport
import Testing

@testable import Palimpsest

/// Calls without an exit give what calls with one give, in every way they can end.
@Suite("Resident calls", .serialized, .timeLimit(.minutes(20)))
struct ResidentTests {
    private static let registerResets = [RegisterReset.byHost, .byGuest(Residency(parkAfter: .seconds(600)))]

    private static func behaved(_ registerReset: RegisterReset, logger: Logger = Logger(label: "test")) throws
        -> Sandbox
    {
        var configuration = Resident.small
        configuration.registerReset = registerReset
        configuration.logger = logger
        return try makeBehaved(configuration)
    }

    // MARK: - Values

    @Test("every type comes back as it went, in calls of both kinds", arguments: registerResets)
    func types(registerReset: RegisterReset) throws {
        let sandbox = try ResidentTests.behaved(registerReset)
        var random = SplitMix(state: 7)
        for _ in 0..<50 {
            let bits = random.next()
            #expect(try sandbox.call("echoBool", bits & 1 == 1) == (bits & 1 == 1))
            #expect(try sandbox.call("echoInt8", Int8(truncatingIfNeeded: bits)) == Int8(truncatingIfNeeded: bits))
            #expect(
                try sandbox.call("echoUInt16", UInt16(truncatingIfNeeded: bits)) == UInt16(truncatingIfNeeded: bits))
            #expect(try sandbox.call("echoInt32", Int32(truncatingIfNeeded: bits)) == Int32(truncatingIfNeeded: bits))
            #expect(try sandbox.call("echoInt64", Int64(bitPattern: bits)) == Int64(bitPattern: bits))
            #expect(try sandbox.call("echoUInt64", bits) == bits)
            let double = Double(Int64(bitPattern: bits)) / 3
            #expect(try sandbox.call("echoDouble", double) == double)
            #expect(try sandbox.call("echoFloat", Float(double)) == Float(double))
            let text = String(repeating: "a\u{20ac}\u{1f642}", count: Int(bits % 300))
            #expect(try sandbox.call("echoString", text) == text)
            #expect(try sandbox.call("echoBytes", Array(text.utf8)) == Array(text.utf8))
            try sandbox.call("nothing")
        }
        let doubles: Double = try sandbox.call(
            "twelveDoubles", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0)
        #expect(doubles == 650)
    }

    @Test("twelve arguments of mixed types arrive, those on the stack too", arguments: registerResets)
    func twelve(registerReset: RegisterReset) throws {
        let sandbox = try ResidentTests.behaved(registerReset)
        for round in 0..<20 {
            let text = String(repeating: "A", count: round + 1)
            let bytes = [UInt8](repeating: 3, count: round + 2)
            let found: Double = try sandbox.call(
                "twelve", Int8(-3), 0.5, text, Float(1.5), Int64(round), bytes, UInt32(7), 2.25, Int16(-9), text, true,
                Int64(-1))
            let counted = Double(4 * text.count + 512 * text.count + 32 * bytes.count + 16 * round)
            #expect(found == -3 + 1 + 12 + 448 + 288 - 2304 + 1024 - 2048 + 65 + 3 + counted)
        }
    }

    @Test("texts of every length up to the mailbox's come back; longer ones are refused", arguments: registerResets)
    func lengths(registerReset: RegisterReset) throws {
        let sandbox = try ResidentTests.behaved(registerReset)
        let limit = sandbox.mailboxDataByteCount
        for count in [0, 1, 7, 8, 9, 63, 64, 65, 4095, 4096, 4097, limit - 1, limit] {
            let text = String(repeating: "z", count: count)
            #expect(try sandbox.call("echoString", text) == text, "\(count) bytes")
        }
        let error = caughtError {
            _ = try sandbox.call("echoString", String(repeating: "z", count: limit + 1)) as String
        }
        guard case .argumentsTooLarge = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try sandbox.call("echoString", "next") == "next")
    }

    @Test("a guest's errors carry message and code, and leave the sandbox ready", arguments: registerResets)
    func guestErrors(registerReset: RegisterReset) throws {
        let sandbox = try ResidentTests.behaved(registerReset)
        for round in 0..<10 {
            let failed = caughtError { try sandbox.call("fails", "number \(round)", UInt32(round)) }
            guard case .guestError("number \(round)", UInt32(round)) = failed else {
                Issue.record("\(String(describing: failed))")
                return
            }
            let raised = caughtError { try sandbox.call("raises") }
            guard case .guestError("raised", 5) = raised else {
                Issue.record("\(String(describing: raised))")
                return
            }
            #expect(try sandbox.call("echoInt64", round) == round)
        }
        #expect(sandbox.status == .ready)
    }

    @Test(
        "host functions are called, throw, refuse nested calls and return what does not fit", arguments: registerResets)
    func hostFunctions(registerReset: RegisterReset) throws {
        final class Box: @unchecked Sendable { weak var sandbox: Sandbox? }
        let box = Box()
        var host = try makeHostFunctions()
        try host.register("nested") { () throws -> Void in try box.sandbox?.call("nothing") }
        var configuration = Resident.small
        configuration.registerReset = registerReset
        let sandbox = try Sandbox(guest: .bytes(Guests.behaved), configuration: configuration, hostFunctions: host)
        box.sandbox = sandbox
        for _ in 0..<10 {
            #expect(try sandbox.call("hostAddTwice", 1 as Int64, 20 as Int64) == Int64(41))
            #expect(try sandbox.call("hostJoin", "text", [1, 2, 3] as [UInt8], 1.5) == "text|3|1.5")
            #expect(try sandbox.call("hostStatus", "throws", "v") == UInt32(1))
            #expect(try sandbox.call("hostErrorMessage") == "HostFailure(number: 7)")
            #expect(try sandbox.call("hostStatus", "huge", "y") == UInt32(4))
            #expect(try sandbox.call("hostStatus", "absent", "v") == UInt32(2))
            #expect(try sandbox.call("hostStatus", "nested", "v") == UInt32(1))
        }
        let nested: String = try sandbox.call("hostErrorMessage")
        #expect(nested == "HostFailure(number: 7)" && sandbox.status == .ready)
    }

    @Test("pages are copied and mapped at their first write, log lines are written", arguments: registerResets)
    func traps(registerReset: RegisterReset) throws {
        let lines = LogLines()
        let sandbox = try ResidentTests.behaved(
            registerReset, logger: Logger(label: "test") { [lines] _ in lines })
        let snapshot = try sandbox.snapshot()
        for round in 0..<3 {
            #expect(try sandbox.call("count") == Int64(1001))
            #expect(try sandbox.call("count") == Int64(1002))
            #expect(try sandbox.call("sumOfTable", UInt64(512)) == UInt64(7))
            #expect(try sandbox.call("sumOfTable", UInt64(512)) == UInt64(7 + 128))
            #expect(try sandbox.call("fill", UInt64(9000), UInt8(6)) == [UInt8](repeating: 6, count: 9000))
            try sandbox.call("writesLog", "line \(round)")
            try sandbox.restore(snapshot)
        }
        #expect(lines.all.filter { $0.contains("line ") }.count == 3)
        #expect(sandbox.statistics.pageFaults > 0)
    }

    @Test("the registers a function finds are those of a call that the host has reset", arguments: [false, true])
    func state(isSpoilt: Bool) throws {
        let byHost = try Fuzzer.makeSandbox(.copy)
        let byGuest = try Fuzzer.makeSandbox(.copy, .byGuest(Residency(parkAfter: .seconds(600))))
        let snapshots = [try byHost.snapshot(), try byGuest.snapshot()]
        for round in 0..<10 {
            // The same calls in both: the mailbox keeps the last arguments, which reach a function that has none.
            for (sandbox, snapshot) in zip([byHost, byGuest], snapshots) {
                if isSpoilt {
                    // Ended from elsewhere, by a fault, in the middle of a port read, and by a deadline.
                    try? sandbox.call("spoil", UInt32(round % 4), deadline: .now + .milliseconds(5))
                    if sandbox.status != .ready { try sandbox.restore(snapshot) }
                }
                try sandbox.call("run", UInt64(round), UInt32(20), UInt32(0), UInt64(0), UInt64(0))
            }
            Resident.expectSame(try byGuest.call("state"), try byHost.call("state"), "round \(round)")
        }
    }

    @Test(
        "flags, segments, bases, stack pointer and FPU that a function leaves behind are reset",
        arguments: [0, 0x400, 0x4000, 0x40000, 0x200000, 0x244_8d5 & ~0x100] as [UInt64])
    func leftovers(flags: UInt64) throws {
        let byHost = try Resident.usurper(Resident.small)
        try byHost.call("returnWithFlags", flags)
        let expected: [UInt8] = try byHost.call("state")
        let sandbox = try Resident.usurper(Resident.configuration())
        for _ in 0..<5 {
            try sandbox.call("returnWithFlags", flags)
            Resident.expectSame(try sandbox.call("state"), expected)
        }
        #expect(sandbox.status == .ready)
    }

    @Test("a function that comes back single-stepping has faulted")
    func trapping() throws {
        let sandbox = try Resident.usurper(Resident.configuration())
        let snapshot = try sandbox.snapshot()
        let expected: [UInt8] = try Resident.usurper(Resident.small).call("state")
        for _ in 0..<3 {
            let fault = caughtFault { try sandbox.call("returnWithFlags", UInt64(0x100)) }
            #expect(fault?.kind == .exception(vector: 1))
            #expect(try sandbox.restore(snapshot).isFull)
            Resident.expectSame(try sandbox.call("state"), expected)
        }
    }

    // MARK: - What they cost

    @Test("a steady call with a rollback takes no trap, and an exit only when it had to wait for a core")
    func steady() throws {
        let sandbox = try Scribe.make(Resident.configuration(strategy: .copy))
        let address = try sandbox.fill(pages: 8)
        let snapshot = try sandbox.snapshot()
        let scribble = try sandbox.function("scribble", as: ((UInt64, UInt64, UInt64, UInt64) -> Void).self)
        func round(_ value: UInt64) throws {
            try sandbox.call(scribble, address, 8, 1, value)
            try sandbox.restore(snapshot)
        }
        for value in 0..<100 { try round(UInt64(value)) }
        let before = sandbox.statistics
        for value in 0..<2_000 { try round(UInt64(value)) }
        let after = sandbox.statistics
        #expect(after.pageFaults == before.pageFaults && after.pagesCopied == before.pagesCopied)
        #expect(after.pagesRestored - before.pagesRestored == 2_000 * UInt64(try #require(sandbox.lastRollback).pages))
        #expect(after.vcpuRuns - before.vcpuRuns < 1_000, "of 2,000 calls")
        #expect(sandbox.lastRollback?.isFull == false)
        #expect(try sandbox.call("wordAt", address) == UInt64(0x0101_0101_0101_0101))
    }

    @Test("the caller of a slow call sleeps")
    func slowCall() throws {
        let sandbox = try ResidentTests.behaved(ResidentTests.registerResets[1])
        try sandbox.call("nothing")
        // Not every time: it may have been kept from the processor itself until the answer was there.
        var calls = 0
        var sleeps = 0
        while sleeps < 20, calls < 2_000 {
            let before = Resident.sleepCount
            _ = try sandbox.call("spinFor", UInt64(3_000_000)) as UInt64
            calls += 1
            if Resident.sleepCount > before { sleeps += 1 }
        }
        #expect(sleeps == 20, "\(sleeps) of \(calls) calls")
    }

    @Test("a guest that nobody calls leaves the core, and the next call brings it back", arguments: [1, 10])
    func parking(milliseconds: Int) throws {
        let sandbox = try ResidentTests.behaved(
            .byGuest(Residency(parkAfter: .milliseconds(milliseconds))))
        let resident = try #require(sandbox.resident)
        let snapshot = try sandbox.snapshot()
        for round in 0..<5 {
            #expect(try sandbox.call("echoInt64", round) == round)
            if round % 2 == 0 { try sandbox.restore(snapshot) }
            #expect(becomesTrue { !resident.isRunning })
            #expect(
                becomesTrue {
                    let before = Resident.processorTime(resident.thread)
                    usleep(30_000)
                    return Resident.processorTime(resident.thread) == before
                })
            #expect(!resident.isRunning)
            if round % 2 == 1 { #expect(try !sandbox.restore(snapshot).isFull) }
        }
        #expect(sandbox.status == .ready)
    }

    // MARK: - Full restores

    @Test("every n-th call a restore is a full one", arguments: [1, 2, 5])
    func everyNthCall(count: Int) throws {
        let sandbox = try Scribe.make(Resident.configuration(callsPerFullRestore: count))
        let snapshot = try sandbox.snapshot()
        var isFull: [Bool] = []
        for _ in 0..<20 {
            _ = try sandbox.call("startCount") as Int64
            isFull.append(try sandbox.restore(snapshot).isFull)
        }
        #expect(isFull == (1...20).map { $0 % count == 0 })
    }

    @Test("after the time asked for a restore is a full one, and not before")
    func everyInterval() throws {
        let sandbox = try Scribe.make(Resident.configuration(fullRestoreInterval: .milliseconds(20)))
        let patient = try Scribe.make(Resident.configuration(fullRestoreInterval: .seconds(3600)))
        let (snapshot, other) = (try sandbox.snapshot(), try patient.snapshot())
        for _ in 0..<3 {
            _ = try sandbox.call("startCount") as Int64
            _ = try patient.call("startCount") as Int64
            usleep(25_000)
            #expect(try sandbox.restore(snapshot).isFull)
            #expect(try !patient.restore(other).isFull)
        }
    }

    @Test("a residency that makes no sense is refused")
    func configuration() throws {
        for residency in [
            Residency(parkAfter: .zero), Residency(parkAfter: .seconds(4000)), Residency(callsPerFullRestore: 0),
            Residency(callsPerFullRestore: -1), Residency(fullRestoreInterval: .zero),
            Residency(fullRestoreInterval: .seconds(-1)),
        ] {
            let error = caughtError { _ = try ResidentTests.behaved(.byGuest(residency)) }
            guard case .invalidConfiguration = error else {
                Issue.record("\(residency): \(String(describing: error))")
                continue
            }
        }
    }
}
