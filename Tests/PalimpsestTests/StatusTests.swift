import Dispatch
import Foundation
import GuestABI
import MicroVM
import Palimpsest
import TestSupport
import Testing

/// What every call of the API does in every status.
@Suite("Status")
struct StatusTests {
    /// Where a status comes from.
    enum Cause: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case none, rollback, guestError, fault, deadline, interrupt, abort, protocolViolation, hostProtocol
        case scratchExhausted, brokenMachine

        var testDescription: String { rawValue }

        var status: SandboxStatus {
            switch self {
            case .none, .rollback, .guestError: .ready
            case .fault, .deadline, .interrupt, .abort, .protocolViolation, .hostProtocol, .scratchExhausted: .poisoned
            case .brokenMachine: .unrecoverable
            }
        }

        func bringAbout(_ sandbox: Sandbox, _ snapshot: Snapshot) throws {
            switch self {
            case .none: break
            case .rollback: try sandbox.restore(snapshot)
            case .guestError:
                guard case .guestError = caughtError(of: { try sandbox.call("failAt", 0 as UInt64, 0 as UInt64) })
                else { throw Unexpected() }
            case .fault: _ = caughtFault { try sandbox.call("invalidOpcode") }
            case .deadline:
                guard case .deadlineExceeded = expire(sandbox, { try sandbox.call("spin", deadline: $0) })
                else { throw Unexpected() }
            case .interrupt:
                let handle = sandbox.interruptHandle
                Thread.detachNewThread { while !handle.interrupt() { usleep(200) } }
                guard case .interrupted = caughtError(of: { try sandbox.call("spin") }) else { throw Unexpected() }
            case .abort: _ = caughtFault { try sandbox.call("abortAt", 0 as UInt64, 0 as UInt64) }
            case .protocolViolation: _ = caughtFault { try sandbox.call("readyAgain") }
            case .hostProtocol:
                _ = caughtFault { _ = try sandbox.call("hostTextAt", 8 as UInt64, 100 as UInt64) as UInt32 }
            case .scratchExhausted: _ = caughtFault { try sandbox.call("exhaustScratch") }
            case .brokenMachine:
                sandbox.markUnrecoverable()
            }
        }
    }

    private struct Unexpected: Error {}

    /// A sandbox in the status that `cause` brings about, and how to get back.
    private struct Subject {
        let sandbox: Sandbox
        let snapshot: Snapshot
        let add: GuestFunction<Int64, Int64, Int64>
        let file: TemporaryFile

        init(_ cause: Cause) throws {
            var configuration = Fuzzer.configuration
            configuration.scratchByteCount = SandboxConfiguration.scratchRange.lowerBound
            sandbox = try makeHostile(configuration)
            snapshot = try sandbox.snapshot()
            add = try sandbox.function("add", as: ((Int64, Int64) -> Int64).self)
            file = try TemporaryFile(byteCount: 5_000)
            try cause.bringAbout(sandbox, snapshot)
            #expect(sandbox.status == cause.status)
        }

        var callByName: Int64 { get throws { try sandbox.call("add", 20 as Int64, 22 as Int64) } }
        var callByHandle: Int64 { get throws { try sandbox.call(add, 20, 22) } }
        var callByValue: AnyGuestValue { get throws { try sandbox.call("add", arguments: [.int64(20), .int64(22)]) } }
        func mapFile() throws { try sandbox.mapFile(file.path, at: 0x2_0000_0000) }
    }

    /// Expects an operation that only a ready sandbox does to be refused as the status says.
    private func expectRefused(
        _ name: String, _ status: SandboxStatus, _ location: SourceLocation = #_sourceLocation,
        _ body: () throws -> Void
    ) {
        let error = caughtError(of: body, sourceLocation: location)
        switch (status, error) {
        case (.poisoned, .poisoned), (.unrecoverable, .unrecoverable): break
        default: Issue.record("\(name), \(status): \(String(describing: error))", sourceLocation: location)
        }
    }

    @Test("calls, by name, by handle and by value, run when ready and are refused otherwise", arguments: Cause.allCases)
    func calls(cause: Cause) throws {
        let subject = try Subject(cause)
        let before = subject.sandbox.statistics
        if cause.status == .ready {
            #expect(try subject.callByName == 42)
            #expect(try subject.callByHandle == 42)
            #expect(try subject.callByValue == .int64(42))
        } else {
            expectRefused("by name", cause.status) { _ = try subject.callByName }
            expectRefused("by handle", cause.status) { _ = try subject.callByHandle }
            expectRefused("by value", cause.status) { _ = try subject.callByValue }
            expectRefused("with a deadline", cause.status) {
                _ = try subject.sandbox.call(subject.add, 1, 2, deadline: .now + .seconds(60))
            }
            #expect(subject.sandbox.statistics == before, "nothing has run")
        }
        #expect(subject.sandbox.status == cause.status)
    }

    @Test("snapshots and mappings are made when ready and refused otherwise", arguments: Cause.allCases)
    func snapshotsAndMappings(cause: Cause) throws {
        let subject = try Subject(cause)
        if cause.status == .ready {
            let new = try subject.sandbox.snapshot()
            #expect(try Sandbox(from: new, hostFunctions: makeHostFunctions()).call("add", 1, 2) == 3)
            try subject.mapFile()
            #expect(subject.sandbox.mappedFiles.count == 1)
        } else {
            expectRefused("snapshot", cause.status) { _ = try subject.sandbox.snapshot() }
            expectRefused("mapFile", cause.status) { try subject.mapFile() }
            #expect(subject.sandbox.mappedFiles == [])
        }
        #expect(subject.sandbox.status == cause.status)
    }

    @Test(
        "exports, regions, statistics, handles, files and the strategy can be asked for at any time",
        arguments: Cause.allCases)
    func questions(cause: Cause) throws {
        let fresh = try Subject(.none)
        let subject = try Subject(cause)
        let sandbox = subject.sandbox
        #expect(sandbox.exports == fresh.sandbox.exports)
        #expect(sandbox.regions == fresh.sandbox.regions)
        #expect(sandbox.mappedFiles == [])
        #expect(sandbox.rollbackStrategy == .automatic)
        #expect(sandbox.statistics.rollbacks == (cause == .rollback ? 1 : 0))
        #expect((sandbox.lastRollback != nil) == (cause == .rollback))
        #expect(!sandbox.interruptHandle.interrupt(), "no call is in progress")
        let add = try sandbox.function("add", as: ((Int64, Int64) -> Int64).self)
        #expect(add.export == subject.add.export)
        let unknown = caughtError { _ = try sandbox.function("nobody", as: (() -> Int64).self) }
        guard case .unknownFunction = unknown else {
            Issue.record("\(String(describing: unknown))")
            return
        }
        let mismatched = caughtError { _ = try sandbox.call("add", 1 as Int32) as Int32 }
        guard case .signatureMismatch = mismatched else {
            Issue.record("\(String(describing: mismatched))")
            return
        }
        #expect(sandbox.status == cause.status)
        sandbox.rollbackStrategy = .copy
        #expect(sandbox.rollbackStrategy == .copy)
    }

    @Test(
        "restore always brings back ready, and the snapshot's state", arguments: Cause.allCases,
        RollbackStrategy.allCases)
    func restore(cause: Cause, strategy: RollbackStrategy) throws {
        let subject = try Subject(.none)
        let oracle = try Oracle(subject.sandbox)
        subject.sandbox.rollbackStrategy = strategy
        for round in 0..<2 {
            try cause.bringAbout(subject.sandbox, subject.snapshot)
            let report = try subject.sandbox.restore(subject.snapshot)
            #expect(subject.sandbox.status == .ready && subject.sandbox.lastRollback == report)
            if cause == .brokenMachine { #expect(report.strategy == .replace) }
            #expect(try oracle.differences(subject.sandbox) == [], "round \(round)")
            #expect(try subject.callByHandle == 42)
            // Deadlines reach the machine that the sandbox has now.
            if round == 0 { try Cause.deadline.bringAbout(subject.sandbox, subject.snapshot) }
            try subject.sandbox.restore(subject.snapshot)
            #expect(try oracle.differences(subject.sandbox) == [], "round \(round), after a call")
        }
    }

    @Test("interrupts reach a sandbox whose machine was replaced")
    func interruptAfterReplacement() throws {
        let subject = try Subject(.brokenMachine)
        let handle = subject.sandbox.interruptHandle
        try subject.sandbox.restore(subject.snapshot)
        Thread.detachNewThread { while !handle.interrupt() { usleep(200) } }
        guard case .interrupted = caughtError(of: { try subject.sandbox.call("spin") }) else {
            Issue.record("not interrupted")
            return
        }
        #expect(subject.sandbox.status == .poisoned)
    }

    @Test("a deadline already past runs nothing and leaves any status as it was", arguments: Cause.allCases)
    func pastDeadline(cause: Cause) throws {
        let subject = try Subject(cause)
        let before = subject.sandbox.statistics
        _ = caughtError { _ = try subject.sandbox.call(subject.add, 1, 2, deadline: .now - .seconds(1)) }
        #expect(subject.sandbox.status == cause.status && subject.sandbox.statistics == before)
        try subject.sandbox.restore(subject.snapshot)
        #expect(try subject.callByHandle == 42)
    }

    @Test("inside a host function snapshot, restore, mapFile and calls are refused: a call is in progress")
    func insideHostFunction() throws {
        let inside = Inside(file: try TemporaryFile(byteCount: 100))
        var host = HostFunctions()
        try host.register("tick") { () -> Void in inside.tryEverything() }
        let sandbox = try Sandbox(guest: .bytes(Guests.behaved), hostFunctions: host)
        inside.sandbox = sandbox
        inside.snapshot = try sandbox.snapshot()
        defer { inside.sandbox = nil }
        try sandbox.call("hostTick")
        #expect(inside.outcomes == ["snapshot", "restore", "mapFile", "by name", "by value"])
        #expect(sandbox.status == .ready && sandbox.mappedFiles == [])
        #expect(try sandbox.call("count") == Int64(1001))
    }

    @Test("while a call runs, snapshot, restore, mapFile and calls from another thread are refused")
    func fromAnotherThread() throws {
        let inside = Inside(file: try TemporaryFile(byteCount: 100))
        let isRunning = DispatchSemaphore(value: 0)
        var host = HostFunctions()
        try host.register("tick") { () -> Void in isRunning.signal() }
        let sandbox = try Sandbox(guest: .bytes(Guests.behaved), hostFunctions: host)
        inside.sandbox = sandbox
        inside.snapshot = try sandbox.snapshot()
        defer { inside.sandbox = nil }
        let handle = sandbox.interruptHandle
        Thread.detachNewThread {
            isRunning.wait()
            inside.tryEverything()
            handle.interrupt()
        }
        guard case .interrupted = caughtError(of: { try sandbox.call("spinInHostCalls") }) else {
            Issue.record("not interrupted")
            return
        }
        #expect(inside.outcomes == ["snapshot", "restore", "mapFile", "by name", "by value"])
        #expect(sandbox.status == .poisoned && sandbox.mappedFiles == [])
    }

    @Test("a sandbox from a snapshot is ready; a poisoned parent does not change that")
    func copies() throws {
        let subject = try Subject(.fault)
        let copy = try Sandbox(from: subject.snapshot, hostFunctions: makeHostFunctions())
        #expect(copy.status == .ready && subject.sandbox.status == .poisoned)
        #expect(try copy.call(subject.add, 20, 22) == 42)
    }
}

/// Uses a sandbox from within a call of its own, and notes what was refused as it must be.
private final class Inside: @unchecked Sendable {
    var sandbox: Sandbox?
    var snapshot: Snapshot?
    private let file: TemporaryFile
    private(set) var outcomes: [String] = []

    init(file: TemporaryFile) { self.file = file }

    func tryEverything() {
        guard let sandbox, let snapshot else { return }
        note("snapshot") { _ = try sandbox.snapshot() }
        note("restore") { try sandbox.restore(snapshot) }
        note("mapFile") { try sandbox.mapFile(file.path, at: 0x2_0000_0000) }
        note("by name") { try sandbox.call("nothing") }
        note("by value") { _ = try sandbox.call("count", arguments: []) }
    }

    private func note(_ name: String, _ body: () throws -> Void) {
        if case .callInProgress = caughtError(of: body) { outcomes.append(name) }
    }
}
