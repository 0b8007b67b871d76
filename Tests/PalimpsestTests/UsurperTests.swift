import CPalimpsest
import Foundation
import Glibc
import TestSupport
import Testing

@testable import MicroVM
@testable import Palimpsest

/// Guests that have been taken over. Until the next full restore they answer as they like; what they never do is reach
/// the host, keep a caller past its deadline, or survive that restore.
@Suite("Resident guests that have been taken over", .serialized, .timeLimit(.minutes(20)))
struct UsurperTests {
    /// What the guest goes on with after its answer: see usurper.c.
    enum Continuation: UInt32, CaseIterable, Sendable {
        case spin, write, fault, readPort, callHost, returnElsewhere, abort, overrun, ring, readPorts, pose
    }

    private struct Subject {
        let sandbox: Sandbox
        let snapshot: Snapshot
        let oracle: Oracle
        let state: [UInt8]

        init(_ configuration: SandboxConfiguration) throws {
            sandbox = try Resident.usurper(configuration)
            snapshot = try sandbox.snapshot()
            oracle = try Oracle(sandbox)
            state = try Resident.usurper(Resident.small).call("state")
        }

        /// A restore that has to be full, and what it leaves.
        func expectRestored(_ comment: String, _ location: SourceLocation = #_sourceLocation) throws {
            #expect(try sandbox.restore(snapshot).isFull, "\(comment)", sourceLocation: location)
            #expect(sandbox.status == .ready, "\(comment)", sourceLocation: location)
            #expect(try oracle.differences(sandbox) == [], "\(comment)", sourceLocation: location)
            Resident.expectSame(try sandbox.call("state"), state, comment, location)
            try sandbox.restore(snapshot)
            #expect(try oracle.differences(sandbox) == [], "again, \(comment)", sourceLocation: location)
        }

        /// A call that may end in any way, but ends.
        func probe(_ body: (ContinuousClock.Instant) throws -> Void) {
            try? body(.now + .milliseconds(4))
        }
    }

    /// For calls that are answered: it only passes if the machine is that busy.
    private static var soon: ContinuousClock.Instant { .now + .seconds(60) }

    private static let entry = UInt64(PAL_ENTRY_ADDRESS) + UInt64(pal_resident_entry_offset())

    @Test(
        "whatever a guest goes on with after its answer, a full restore brings the snapshot back",
        arguments: Continuation.allCases, [RollbackStrategy.copy, .replace])
    func goesOn(continuation: Continuation, strategy: RollbackStrategy) throws {
        let subject = try Subject(Resident.configuration(callsPerFullRestore: 2, strategy: strategy))
        let sandbox = subject.sandbox
        for round in 1...2 {
            let answer: UInt64 = try sandbox.call(
                "replyAndGoOn", UInt64(round), continuation.rawValue, UsurperTests.entry, deadline: UsurperTests.soon)
            #expect(answer == UInt64(round))
            usleep(UInt32(round * 300))
            // A guest that has left by an exit is found out at once; one that runs, by the second call.
            let isFull = round % 2 == 0 ? try sandbox.restore(subject.snapshot).isFull : false
            subject.probe { _ = try sandbox.call("echo", UInt64(1), deadline: $0) as UInt64 }
            if isFull { _ = try? sandbox.call("echo", UInt64(1)) as UInt64 }
            try subject.expectRestored("\(continuation), round \(round)")
        }
    }

    @Test(
        "a full restore right after the answer brings the snapshot back, whatever the guest has done since",
        arguments: Continuation.allCases)
    func restoredAtOnce(continuation: Continuation) throws {
        let subject = try Subject(Resident.configuration(callsPerFullRestore: 1))
        for round in 0..<6 {
            let answer: UInt64 = try subject.sandbox.call(
                "replyAndGoOn", UInt64(round), continuation.rawValue, UsurperTests.entry, deadline: UsurperTests.soon)
            #expect(answer == UInt64(round))
            // From none at all to long enough for an exit that no call waits for.
            usleep(UInt32(round * 100))
            try subject.expectRestored("\(continuation), round \(round)")
        }
    }

    @Test("snapshots and other snapshots find a guest stopped that has gone on", arguments: Continuation.allCases)
    func snapshots(continuation: Continuation) throws {
        let subject = try Subject(Resident.configuration())
        let other = try Resident.usurper(Resident.small)
        _ = try other.call("scribbleMailbox", UInt64(1), UInt64(1)) as UInt64
        let elsewhere = try other.snapshot()
        let stateElsewhere: [UInt8] = try other.call("state")
        for round in 0..<2 {
            _ =
                try subject.sandbox.call(
                    "replyAndGoOn", UInt64(round), continuation.rawValue, UsurperTests.entry,
                    deadline: UsurperTests.soon) as UInt64
            usleep(500)
            if round == 0 { _ = try? subject.sandbox.snapshot() }
            #expect(try subject.sandbox.restore(elsewhere).isFull)
            Resident.expectSame(try subject.sandbox.call("state"), stateElsewhere)
            try subject.expectRestored("\(continuation)")
        }
    }

    @Test("a guest that answers every call itself does so until the full restore")
    func serves() throws {
        let subject = try Subject(Resident.configuration(callsPerFullRestore: 20))
        let sandbox = subject.sandbox
        for _ in 0..<3 {
            #expect(try sandbox.call("serve", UInt64(100), deadline: UsurperTests.soon) == UInt64(100))
            var calls: UInt64 = 1
            // It is the guest's own memory that it writes to, and its caller that it deceives: until it is due, or has
            // been seen to leave by an exit, as it does to wake a sleeping caller.
            while try !sandbox.restore(subject.snapshot).isFull {
                #expect(try sandbox.call("echo", UInt64(7), deadline: UsurperTests.soon) == 100 + calls)
                calls += 1
                try #require(calls <= 20)
            }
            #expect(try subject.oracle.differences(sandbox) == [])
            Resident.expectSame(try sandbox.call("state"), subject.state)
            #expect(try sandbox.call("echo", UInt64(7)) == UInt64(7))
            // The next round begins where the count of calls does.
            sandbox.poison()
            try sandbox.restore(subject.snapshot)
        }
    }

    @Test("a guest that never answers is stopped at the deadline", arguments: Continuation.allCases)
    func neverAnswers(continuation: Continuation) throws {
        let subject = try Subject(Resident.configuration())
        for _ in 0..<2 {
            subject.probe {
                _ = try subject.sandbox.call("goOn", continuation.rawValue, UsurperTests.entry, deadline: $0) as UInt64
            }
            if subject.sandbox.status != .ready { try subject.expectRestored("\(continuation)") }
        }
    }

    @Test("text that changes while the host reads it is valid text or an error")
    func flickers() throws {
        let subject = try Subject(Resident.configuration())
        var texts = 0
        for round in 0..<60 {
            // More and more, for a machine that is too busy for any call to be in time.
            let limit = Duration.milliseconds(20 << (round / 6))
            var deadline = ContinuousClock.now + limit
            for call in 0..<20 where subject.sandbox.status == .ready {
                let name = call == 0 ? "flicker" : "echoText"
                do throws(SandboxError) {
                    let text: String =
                        try call == 0
                        ? subject.sandbox.call(name, UInt64(round), deadline: deadline)
                        : subject.sandbox.call(name, "text", deadline: deadline)
                    texts += 1
                    #expect(String(validating: Array(text.utf8), as: UTF8.self) == text)
                } catch {
                    guard !error.description.isEmpty else { continue }
                }
                deadline = .now + limit
            }
            if subject.sandbox.status == .ready { _ = try? subject.sandbox.snapshot() }
            try subject.sandbox.restore(subject.snapshot)
        }
        #expect(texts > 0)
        try subject.expectRestored("flickering")
    }

    @Test("numbers that make no sense are errors, whoever wrote them")
    func wrongNumbers() throws {
        let subject = try Subject(Resident.configuration(callsPerFullRestore: 1))
        let limit = UInt64(subject.sandbox.mailboxDataByteCount)
        let addresses: [UInt64] = [
            0, 8, 0xffff_8000_0000_1000, ~0, ~0 - 4, 0x8000_0000_0000_0000, 1 << 47, (1 << 47) - 1,
            UInt64(PAL_STACK_TOP) - 1, UInt64(PAL_STACK_TOP),
        ]
        for address in addresses {
            for count in [2, 3, limit, limit + 1, 1 << 40, 1 << 63, ~0] {
                for status in [0, 1, 2, 7, ~0] as [UInt32] {
                    let error = caughtError {
                        let deadline = UsurperTests.soon
                        _ =
                            try subject.sandbox.call(
                                "replyWith", address, count, status, address, count, deadline: deadline) as String
                    }
                    switch error {
                    case .invalidPointer, .valueTooLarge, .fault: break
                    default: Issue.record("\(hex(address)), \(count), \(status): \(String(describing: error))")
                    }
                    #expect(try subject.sandbox.restore(subject.snapshot).isFull)
                }
            }
        }
        _ = try subject.sandbox.call("echo", UInt64(1)) as UInt64
        try subject.expectRestored("replies")
    }

    @Test("answers to other calls are not taken for this one's")
    func otherAnswers() throws {
        let subject = try Subject(Resident.configuration())
        for value in 0..<200 {
            #expect(try subject.sandbox.call("replyToOthers", UInt64(value)) == UInt64(value))
        }
    }

    @Test("a jump to any byte of the entry code ends in an answer or an error", arguments: [false, true])
    func entryCode(isPrepared: Bool) throws {
        let subject = try Subject(Resident.configuration(callsPerFullRestore: 1))
        for offset in 0..<UInt64(pal_entry_code_size()) {
            subject.probe { deadline in
                if isPrepared {
                    try subject.sandbox.call("enterPreparedAt", offset, offset % 3, deadline: deadline)
                } else {
                    try subject.sandbox.call("enterAt", offset, deadline: deadline)
                }
            }
            #expect(try subject.sandbox.restore(subject.snapshot).isFull)
            if offset % 16 == 0 { try subject.expectRestored("offset \(offset)") }
        }
        try subject.expectRestored("the end")
    }

    @Test("a mailbox full of random numbers is an answer or an error")
    func scribbles() throws {
        let subject = try Subject(Resident.configuration())
        for seed in 1...80 {
            subject.probe {
                _ = try subject.sandbox.call("scribbleMailbox", UInt64(seed), UInt64(seed * 4), deadline: $0) as UInt64
            }
            try subject.sandbox.restore(subject.snapshot)
            if subject.sandbox.lastRollback?.isFull == true || seed % 10 == 0 {
                #expect(try subject.oracle.differences(subject.sandbox) == [], "seed \(seed)")
                Resident.expectSame(try subject.sandbox.call("state"), subject.state, "seed \(seed)")
                try subject.sandbox.restore(subject.snapshot)
            }
        }
    }
}
