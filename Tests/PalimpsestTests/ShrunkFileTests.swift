import Foundation
import GuestABI
import MicroVM
import Palimpsest
import TestSupport
import Testing

/// A file that becomes shorter while it is mapped: SIGBUS for whoever touches what is gone. The host process survives
/// every one of these, or this test process is gone.
@Suite("Files that shrink while they are mapped")
struct ShrunkFileTests {
    private static let address: UInt64 = 0x2_0000_0000
    private static let pageCount = 8
    /// In a page that goes away.
    private static let lost = address + UInt64(5 * pageByteCount)
    /// What is left: a page and a half.
    private static let remaining = pageByteCount * 3 / 2

    /// A sandbox with the file mapped, and the snapshots before and behind that.
    private struct Subject {
        let file: TemporaryFile
        let sandbox: Sandbox
        let before: Snapshot
        let snapshot: Snapshot

        init(_ strategy: RollbackStrategy = .automatic) throws {
            file = try TemporaryFile(byteCount: ShrunkFileTests.pageCount * pageByteCount)
            var configuration = Fuzzer.configuration
            configuration.rollbackStrategy = strategy
            sandbox = try makeHostile(configuration)
            before = try sandbox.snapshot()
            try sandbox.mapFile(file.path, at: ShrunkFileTests.address)
            snapshot = try sandbox.snapshot()
        }

        func shrink() throws { try file.resize(to: ShrunkFileTests.remaining) }

        /// The way out that is always there.
        func expectRestorable(_ location: SourceLocation = #_sourceLocation) throws {
            try sandbox.restore(before)
            #expect(sandbox.status == .ready && sandbox.mappedFiles == [], sourceLocation: location)
            #expect(try sandbox.call("add", 20 as Int64, 22 as Int64) == Int64(42), sourceLocation: location)
        }

        /// Expects the error of a lost page, and a sandbox that has to be restored.
        func expectLost(_ location: SourceLocation = #_sourceLocation, _ body: () throws -> Void) {
            let error = caughtError(of: body, sourceLocation: location)
            guard case .mappedFileUnreadable(let path, let reason) = error else {
                Issue.record("\(String(describing: error))", sourceLocation: location)
                return
            }
            #expect(path == file.path && !reason.isEmpty, sourceLocation: location)
            #expect(sandbox.status != .ready, sourceLocation: location)
        }
    }

    @Test(
        "a guest that reads what is gone ends its call, whether it had read it before or not", arguments: [true, false])
    func read(before: Bool) throws {
        let subject = try Subject()
        if before { #expect(try subject.sandbox.call("readAt", ShrunkFileTests.lost) != UInt64(0)) }
        try subject.shrink()
        subject.expectLost { _ = try subject.sandbox.call("readAt", ShrunkFileTests.lost) as UInt64 }
        try subject.expectRestorable()
    }

    @Test(
        "a guest that writes what is gone ends its call, whether it had read it before or not",
        arguments: [true, false])
    func write(before: Bool) throws {
        let subject = try Subject()
        if before { #expect(try subject.sandbox.call("readAt", ShrunkFileTests.lost) != UInt64(0)) }
        try subject.shrink()
        subject.expectLost { try subject.sandbox.call("writeAt", ShrunkFileTests.lost) }
        try subject.expectRestorable()
    }

    @Test("a page that lost its second half reads as zeros there")
    func halfPage() throws {
        let subject = try Subject()
        try subject.shrink()
        let end = ShrunkFileTests.address + UInt64(ShrunkFileTests.remaining)
        #expect(try subject.sandbox.call("readAt", end - 8) != UInt64(0))
        #expect(try subject.sandbox.call("readAt", end) == UInt64(0))
        try subject.expectRestorable()
    }

    @Test("of several files, the error names the one that has lost the page", arguments: ["readAt", "writeAt"])
    func several(name: String) throws {
        let subject = try Subject()
        let other = try TemporaryFile(byteCount: 4 * pageByteCount)
        let place = ShrunkFileTests.address + 0x1000_0000
        try subject.sandbox.mapFile(other.path, at: place)
        try other.resize(to: 100)
        let lost = AnyGuestValue.uint64(place + UInt64(3 * pageByteCount))
        let error = caughtError { _ = try subject.sandbox.call(name, arguments: [lost]) }
        guard case .mappedFileUnreadable(other.path, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        try subject.expectRestorable()
    }

    @Test("a thread that was started with every signal blocked, as servers start theirs, survives it, too")
    func blockedSignals() async throws {
        try await onThread {
            var all = sigset_t()
            sigfillset(&all)
            pthread_sigmask(SIG_SETMASK, &all, nil)
            let subject = try Subject(.copy)
            try subject.sandbox.call("writeAt", ShrunkFileTests.lost)
            try subject.shrink()
            subject.expectLost { try subject.sandbox.restore(subject.snapshot) }
            try subject.expectRestorable()
        }
    }

    @Test("a rollback of a written page that is gone fails, by every strategy", arguments: RollbackStrategy.allCases)
    func rollback(strategy: RollbackStrategy) throws {
        let subject = try Subject(strategy)
        try subject.sandbox.call("writeAt", ShrunkFileTests.lost)
        try subject.shrink()
        do throws(SandboxError) {
            try subject.sandbox.restore(subject.snapshot)
            // Only where the page is not brought back ahead: then it is the guest's access that fails.
            #expect(subject.sandbox.status == .ready)
            subject.expectLost { _ = try subject.sandbox.call("readAt", ShrunkFileTests.lost) as UInt64 }
        } catch .mappedFileUnreadable(let path, _) {
            #expect(path == subject.file.path)
            #expect(subject.sandbox.status != .ready)
            // And again: it can be tried again, and fails again.
            guard let error = caughtError(of: { try subject.sandbox.restore(subject.snapshot) }) else { return }
            switch error {
            case .mappedFileUnreadable, .mappedFileChanged: #expect(subject.sandbox.status != .ready)
            default: Issue.record("\(error)")
            }
        } catch {
            Issue.record("\(error)")
        }
        try subject.expectRestorable()
    }

    /// How a sandbox comes to need another machine for the snapshot that it is attached to.
    enum Breakage: CaseIterable, Sendable { case read, write, rollback }

    @Test(
        "a sandbox whose machine a shrunk file broke is restored to its own snapshot once the file is put back",
        arguments: RollbackStrategy.allCases, Breakage.allCases)
    func putBack(strategy: RollbackStrategy, breakage: Breakage) throws {
        let subject = try Subject(strategy)
        let sandbox = subject.sandbox
        let contents = try subject.file.contents()
        // Twice: what holds for the first time has to hold for the next.
        for round in 1...2 {
            try sandbox.call("writeAt", ShrunkFileTests.lost)
            // So that the write set has it, and it is copied ahead.
            try sandbox.restore(subject.snapshot)
            if breakage == .rollback { try sandbox.call("writeAt", ShrunkFileTests.lost) }
            try subject.shrink()
            let other = ShrunkFileTests.lost + UInt64(pageByteCount)
            switch breakage {
            case .read: _ = try? sandbox.call("readAt", other) as UInt64
            case .write: try? sandbox.call("writeAt", other)
            case .rollback: _ = try? sandbox.restore(subject.snapshot)
            }
            if sandbox.status == .unrecoverable {
                // As long as it is short, it is refused, and that is what the error says.
                subject.expectLost { try sandbox.restore(subject.snapshot) }
            }
            try subject.file.putBack(contents)
            try subject.file.setTime(TimeInterval(round))
            try sandbox.restore(subject.snapshot)
            #expect(sandbox.status == .ready)
            let page = 5 * pageByteCount
            let seen: [UInt8] = try sandbox.call("bytesAt", ShrunkFileTests.lost, UInt64(2 * pageByteCount))
            #expect(seen == TemporaryFile.bytes(page..<page + 2 * pageByteCount))
        }
        try subject.expectRestorable()
    }

    @Test("a machine that broke by itself is replaced, though a file of the snapshot has another time by then")
    func brokenOtherwise() throws {
        for strategy in RollbackStrategy.allCases {
            let subject = try Subject(strategy)
            try subject.file.setTime(1)
            subject.sandbox.markUnrecoverable()
            try subject.sandbox.restore(subject.snapshot)
            #expect(try subject.sandbox.call("readAt", ShrunkFileTests.lost) != UInt64(0))
            try subject.expectRestorable()
        }
    }

    @Test(
        "a rollback that needs nothing of what is gone succeeds",
        arguments: [RollbackStrategy.automatic, .copy, .ioUring])
    func rollbackOfRest(strategy: RollbackStrategy) throws {
        let subject = try Subject(strategy)
        try subject.shrink()
        try subject.sandbox.call("writeAt", ShrunkFileTests.address + 8)
        try subject.sandbox.restore(subject.snapshot)
        let seen: [UInt8] = try subject.sandbox.call("bytesAt", ShrunkFileTests.address, 32 as UInt64)
        #expect(seen == TemporaryFile.bytes(0..<32))
        try subject.expectRestorable()
    }

    @Test("a snapshot keeps what the guest wrote to a page that is gone")
    func snapshot() throws {
        let subject = try Subject()
        try subject.sandbox.call("writeAt", ShrunkFileTests.lost)
        try subject.shrink()
        let taken = try subject.sandbox.snapshot()
        #expect(subject.sandbox.status == .ready)
        let seen: [UInt8] = try subject.sandbox.call("bytesAt", ShrunkFileTests.lost, 3 as UInt64)
        #expect(seen == [0xcc] + TemporaryFile.bytes(5 * pageByteCount + 1..<5 * pageByteCount + 3))
        // Rolling back needs the file for nothing but what it has.
        try subject.sandbox.call("writeAt", ShrunkFileTests.lost + 1)
        try subject.sandbox.restore(taken)
        #expect(try subject.sandbox.call("bytesAt", ShrunkFileTests.lost, 3 as UInt64) == seen)
        let error = caughtError { _ = try Sandbox(from: taken, hostFunctions: makeHostFunctions()) }
        guard case .mappedFileChanged = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        try subject.expectRestorable()
    }

    @Test("a new sandbox from a snapshot of a file that has shrunk is refused")
    func newSandbox() throws {
        let subject = try Subject()
        try subject.shrink()
        let error = caughtError { _ = try Sandbox(from: subject.snapshot, hostFunctions: makeHostFunctions()) }
        guard case .mappedFileChanged(subject.file.path, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        try subject.expectRestorable()
    }

    @Test("a write set with pages that are gone is no danger")
    func writeSet() throws {
        let subject = try Subject()
        try subject.sandbox.call("writeAt", ShrunkFileTests.lost)
        try subject.sandbox.restore(subject.snapshot)
        let other = try Sandbox(from: subject.snapshot, hostFunctions: makeHostFunctions())
        #expect(try other.call("readAt", ShrunkFileTests.lost) != UInt64(0))
        try subject.shrink()
        // Longer again, with zeros: size is as it was, time is not.
        try subject.file.resize(to: ShrunkFileTests.pageCount * pageByteCount)
        #expect(throws: SandboxError.self) {
            _ = try Sandbox(from: subject.snapshot, hostFunctions: makeHostFunctions())
        }
        try other.restore(subject.before)
        try subject.expectRestorable()
    }

    @Test(
        "the host reads what a guest points to in a page that is gone: results, errors, log lines, host calls",
        arguments: ["stringAt", "bytesAt", "failAt", "abortAt", "logAt", "hostTextAt", "hostNameAt", "hostSignatureAt"])
    func pointers(name: String) throws {
        // Within a page, and across two.
        for address in [ShrunkFileTests.lost, ShrunkFileTests.lost + UInt64(pageByteCount) - 4] {
            for isTouched in [false, true] {
                let subject = try Subject()
                if isTouched { #expect(try subject.sandbox.call("readAt", address) != UInt64(0)) }
                try subject.shrink()
                let error = caughtError {
                    _ = try subject.sandbox.call(name, arguments: [.uint64(address), .uint64(10)])
                }
                switch error {
                case .invalidPointer, .mappedFileUnreadable, .fault: break
                default: Issue.record("\(String(describing: error))")
                }
                #expect(subject.sandbox.status != .ready)
                try subject.expectRestorable()
            }
        }
    }

    @Test("a file that shrinks and grows by the minute, under calls and rollbacks on several threads, kills nobody")
    func storm() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for strategy in RollbackStrategy.allCases {
                group.addTask {
                    try await onThread {
                        let subject = try Subject(strategy)
                        for round in 0..<25 {
                            _ = try? subject.sandbox.call("writeAt", ShrunkFileTests.lost)
                            if round % 3 == 0 { try subject.shrink() }
                            _ = try? subject.sandbox.call("readAt", ShrunkFileTests.lost + 4096) as UInt64
                            _ = try? subject.sandbox.restore(subject.snapshot)
                            try subject.file.resize(to: ShrunkFileTests.pageCount * pageByteCount)
                            try subject.expectRestorable()
                            _ = try? subject.sandbox.restore(subject.snapshot)
                            if subject.sandbox.status != .ready { try subject.expectRestorable() }
                        }
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}

extension TemporaryFile {
    /// Gives it its contents again, in place.
    fileprivate func putBack(_ contents: [UInt8]) throws {
        let handle = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        try handle.write(contentsOf: Data(contents))
        try handle.close()
    }

    /// Sets a modification time, in seconds since 1970, that is another for certain: the clock may not have moved on.
    fileprivate func setTime(_ time: TimeInterval) throws {
        let date = Date(timeIntervalSince1970: time)
        try FileManager.default.setAttributes([.modificationDate: date], ofItemAtPath: path)
    }
}
