import CPalimpsest
import Synchronization
import TestSupport
import Testing

@testable import GuestABI
@testable import MicroVM
@testable import Palimpsest

/// Batches of calls that fail, and batches of guests that say they have not.
@Suite("Batches that fail", .timeLimit(.minutes(20)))
struct BatchFailureTests {
    /// A number that counts how often it is put into a mailbox.
    private struct Counted: GuestValue {
        static let encodeCount = Mutex(0)
        static let guestType = GuestValueType.uint32
        let number: UInt32

        func encode(into encoder: inout GuestValueEncoder) {
            Counted.encodeCount.withLock { $0 += 1 }
            number.encode(into: &encoder)
        }
        static func decode(from decoder: GuestValueDecoder) throws(GuestValueError) -> Counted {
            Counted(number: try UInt32.decode(from: decoder))
        }
    }

    @Test("8,000 calls that fail are encoded once each, and cost one entry each")
    func allFail() throws {
        let sandbox = try makeBehaved()
        let fails = try sandbox.function("fails", as: ((String, Counted) -> Void).self)
        // The first touch of a page of the mailbox is an exit more.
        _ = try sandbox.callBatch(fails, (0..<1000).map { ("", Counted(number: $0)) })
        let before = sandbox.statistics
        let encodeCount = Counted.encodeCount.withLock { $0 }
        let results = try sandbox.callBatch(fails, (0..<8000).map { ("no. \($0)", Counted(number: $0)) })
        for (index, result) in results.enumerated() {
            guard case .failure(.guestError("no. \(index)", UInt32(index))) = result else {
                Issue.record("\(index): \(result)")
                continue
            }
        }
        #expect(results.count == 8000 && sandbox.status == .ready)
        #expect(sandbox.statistics.calls - before.calls == 8000)
        #expect(sandbox.statistics.vcpuRuns - before.vcpuRuns < 8000 + 300)
        #expect(Counted.encodeCount.withLock { $0 } - encodeCount == 8000)
    }

    @Test("calls that fail in any way, between calls that do not, have their own errors, the others their texts")
    func mixed() throws {
        // Room for a few calls, for many, and for all.
        for mailboxByteCount in [16 << 10, 64 << 10, 1 << 20] {
            var configuration = Resident.small
            configuration.mailboxByteCount = mailboxByteCount
            let sandbox = try makeBehaved(configuration)
            var random = SplitMix(state: UInt64(mailboxByteCount))
            let tooMany = Int64(mailboxByteCount) / 7 + 1
            let calls = (0..<1500).map { index in
                let how = UInt32(random.next() % 12)
                // A host function throws, or its result is too large.
                let number = how == 3 && index % 4 == 0 ? tooMany : -Int64(index) - 1
                return ("call \(index) " + String(repeating: "x", count: Int(random.next() % 200)), how, number)
            }
            let function = try sandbox.function("endsLike", as: ((String, UInt32, Int64) -> String).self)
            for (call, result) in zip(calls, try sandbox.callBatch(function, calls)) {
                let (text, how, number) = call
                switch (how, result) {
                case (1...2, .failure(.guestError(let message, let code))):
                    #expect(message == text && code == UInt32(truncatingIfNeeded: number))
                case (3, .failure(.hostFunction("repeated", let error))):
                    #expect(error as? HostFailure == HostFailure(number: Int(number)))
                case (3, .failure(.hostResultTooLarge("repeated", let byteCount, _))):
                    #expect(byteCount == text.utf8.count * Int(number) && number == tooMany)
                case (4, .failure(.unknownHostFunction(let name, _))): #expect(name == text)
                case (1...4, _): Issue.record("\(text), \(how): \(result)")
                case (_, .success(let found)): #expect(found == text)
                case (_, .failure(let error)): Issue.record("\(text), \(how): \(error)")
                }
            }
            #expect(sandbox.status == .ready && sandbox.statistics.calls == 1500)
        }
    }

    @Test("results that find no room, between failures, keep their bytes")
    func largeResults() throws {
        var configuration = Resident.small
        configuration.heapByteCount = 4 << 20
        let sandbox = try makeBehaved(configuration)
        let fill = try sandbox.function("fill", as: ((UInt64, UInt8) -> [UInt8]).self)
        let room = UInt64(sandbox.mailboxDataByteCount / 4)
        let counts = (0..<200).map { [10, room, 1 << 40, 300, room / 2 + 1, room * 2][$0 % 6] }
        let results = try sandbox.callBatch(fill, counts.enumerated().map { ($1, UInt8(truncatingIfNeeded: $0)) })
        for (index, count) in counts.enumerated() {
            switch results[index] {
            case .success(let bytes):
                #expect(bytes == [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: Int(count)))
            case .failure(.guestError("no memory", 12)): #expect(count == 1 << 40)
            case .failure(let error): Issue.record("\(index): \(error)")
            }
        }
        #expect(sandbox.status == .ready)
    }

    // MARK: - Guests that say how far they have come

    private static let data = UInt64(PAL_MAILBOX_ADDRESS) + UInt64(PAL_MAILBOX_DATA_OFFSET)
    private static let size = UInt64(PAL_BATCH_CALL_BYTES)
    private static let callCount = 5

    /// Where a guest may say that the next call lies: every call, the end, and what is neither.
    private static var places: [UInt64] {
        let edges = [data - size, data + UInt64(callCount + 1) * size, data + 1, data + 2 * size - 8]
        return (0...UInt64(callCount)).map { data + $0 * size } + edges + [8, 1 << 63, ~0, ~0 - size + 1]
    }

    /// Five calls, of which the third says that `place` is next, and goes on like that.
    private static func arguments(_ place: UInt64, _ how: UInt32) -> [(UInt64, UInt32)] {
        (0..<callCount).map { $0 == 2 ? (place, how) : (0, ~0) }
    }

    /// The call that lies at `place`, the end among them; nil if none does.
    private static func index(at place: UInt64) -> Int? { (0...callCount).first { data + UInt64($0) * size == place } }

    /// The error of the ending at call `index`, nothing but results in front of it, and nothing that has run behind it.
    private func check(
        _ results: [Result<UInt64, SandboxError>], _ sandbox: Sandbox, endedAt index: Int, _ comment: Comment,
        isEnding: (SandboxError) -> Bool
    ) {
        #expect(results.count == BatchFailureTests.callCount && sandbox.status == .poisoned, comment)
        let first = results.firstIndex { if case .failure = $0 { true } else { false } }
        guard let first, case .failure(let error) = results[first] else {
            Issue.record("nothing but results: \(comment)")
            return
        }
        #expect(isEnding(error), "\(comment): \(error)")
        for result in results[(first + 1)...] {
            guard case .failure(.poisoned) = result else {
                Issue.record("\(comment): \(result) behind an error")
                continue
            }
        }
        #expect(first == index, comment)
    }

    /// Which call is to bear the error, if the guest says that `place` is next: the first one if that is no call's
    /// place.
    private static func bearer(_ place: UInt64) -> Int { min(index(at: place) ?? 0, callCount - 1) }

    @Test(
        "a fault is a call's error, wherever the guest says it was",
        arguments: [UsurperTests.Continuation.fault, .readPort, .abort, .overrun])
    func forgedFault(how: UsurperTests.Continuation) throws {
        let sandbox = try Resident.usurper(Resident.small)
        let snapshot = try sandbox.snapshot()
        let function = try sandbox.function("moveBatchAndGoOn", as: ((UInt64, UInt32) -> UInt64).self)
        for place in BatchFailureTests.places {
            let results = try sandbox.callBatch(function, BatchFailureTests.arguments(place, how.rawValue))
            let comment: Comment = "\(how), next = \(hex(place))"
            check(results, sandbox, endedAt: BatchFailureTests.bearer(place), comment) {
                if case .fault = $0 { true } else { false }
            }
            try sandbox.restore(snapshot)
        }
    }

    @Test("a deadline and an interrupt are a call's error, wherever the guest says it was", arguments: [false, true])
    func forgedStop(isInterrupted: Bool) throws {
        // The third call makes host calls for ever.
        let handle = Mutex<InterruptHandle?>(nil)
        var host = HostFunctions()
        try host.register("tick") { () -> Void in _ = handle.withLock { $0 }?.interrupt() }
        let sandbox = try Sandbox(
            guest: .bytes(Guests.usurper), configuration: Resident.small, hostFunctions: host)
        if isInterrupted { handle.withLock { $0 = sandbox.interruptHandle } }
        let snapshot = try sandbox.snapshot()
        let function = try sandbox.function("moveBatchAndGoOn", as: ((UInt64, UInt32) -> UInt64).self)
        for place in BatchFailureTests.places {
            let arguments = BatchFailureTests.arguments(place, UsurperTests.Continuation.callHost.rawValue)
            var results: [Result<UInt64, SandboxError>] = []
            let before = sandbox.statistics.hostCalls
            var limit = Duration.milliseconds(10)
            // Again, if time was over before the third call.
            while sandbox.statistics.hostCalls == before {
                try sandbox.restore(snapshot)
                let deadline = isInterrupted ? nil : ContinuousClock.now + limit
                results = (try? sandbox.callBatch(function, arguments, deadline: deadline)) ?? []
                limit *= 2
            }
            let comment: Comment = "interrupted: \(isInterrupted), next = \(hex(place))"
            check(results, sandbox, endedAt: BatchFailureTests.bearer(place), comment) {
                switch $0 {
                case .deadlineExceeded: !isInterrupted
                case .interrupted: isInterrupted
                default: false
                }
            }
            try sandbox.restore(snapshot)
        }
    }

    @Test("an end that is no call's place breaks the protocol; one that is, is the guest's own business")
    func forgedReturn() throws {
        let sandbox = try Resident.usurper(Resident.small)
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        let function = try sandbox.function("moveBatchAndGoOn", as: ((UInt64, UInt32) -> UInt64).self)
        let how = UsurperTests.Continuation.returnElsewhere.rawValue
        for place in BatchFailureTests.places {
            let results = try sandbox.callBatch(
                function, BatchFailureTests.arguments(place, how), deadline: .now + .seconds(60))
            let index = BatchFailureTests.index(at: place)
            if let index, index >= 2 {
                let isFine = results.allSatisfy { if case .success = $0 { true } else { false } }
                #expect(results.count == 5 && isFine && sandbox.status == .ready, "next = \(hex(place))")
            } else {
                // A call it goes back to takes the third one's result; the next time, that call is over.
                check(results, sandbox, endedAt: index.map { $0 + 1 } ?? 0, "next = \(hex(place))") {
                    if case .fault(let fault) = $0, case .protocolViolation = fault.kind { true } else { false }
                }
            }
            try sandbox.restore(snapshot)
            #expect(try oracle.differences(sandbox) == [], "\(hex(place))")
        }
    }

    @Test("behind a call that failed, what the guest did to the batch's numbers is undone")
    func movedBeforeFailure() throws {
        let sandbox = try Resident.usurper(Resident.small)
        let overwrite = try sandbox.function("overwriteAndFail", as: ((UInt64, UInt64, Bool) -> UInt64).self)
        // In front of the data area; those that do not fail leave it alone.
        let header = UInt64(bitPattern: -Int64(PAL_MAILBOX_DATA_OFFSET))
        for field in [PAL_OFFSET_BATCH_END, PAL_OFFSET_BATCH_SPACE, PAL_OFFSET_BATCH_SPACE_END] {
            for value in [0, 8, BatchFailureTests.data, BatchFailureTests.data + 2 * BatchFailureTests.size, ~0] {
                let before = sandbox.statistics.calls
                let results = try sandbox.callBatch(
                    overwrite, (0..<6).map { $0 < 4 ? (header &+ UInt64(field), value, true) : (8 << 10, 0, false) })
                let failures = results.prefix(4).filter {
                    if case .failure(.guestError("overwritten", 3)) = $0 { true } else { false }
                }
                #expect(failures.count == 4, "\(field) = \(hex(value))")
                #expect(try results.suffix(2).map { try $0.get() } == [1, 1], "\(field) = \(hex(value))")
                #expect(sandbox.status == .ready && sandbox.statistics.calls - before == 6)
            }
        }
    }

    @Test("the fault that ended a batch is the last call's, for a core that is asked for afterwards")
    func lastFault() throws {
        let sandbox = try LeftoverTests.makeSandbox()
        let act = try sandbox.function("act", as: ((UInt32, UInt64, UInt32) -> [UInt8]).self)
        let request = Leftover.statusFlags.request(sandbox)
        let results = try sandbox.callBatch(act, [(request, 0, 4), (request, 0, 4), (request, 0, 1), (request, 0, 4)])
        guard case .failure(.fault) = results[2] else { return #expect(Bool(false), "\(results[2])") }
        #expect(sandbox.lastFault?.vector == 6)
        #expect(sandbox.statistics.calls == 3)
    }

    @Test("a status the guest writes for a call that came back well is not looked at")
    func forgedStatus() throws {
        let sandbox = try Resident.usurper(Resident.small)
        let overwrite = try sandbox.function("overwriteAndFail", as: ((UInt64, UInt64, Bool) -> UInt64).self)
        for status in [1, 2, 7, 0xffff_ffff, 0xffff_ffff_0000_0002] as [UInt64] {
            let place = BatchFailureTests.size + UInt64(PAL_OFFSET_STATUS)
            let results = try sandbox.callBatch(
                overwrite, (0..<5).map { $0 == 3 ? (place, status, false) : (UInt64(8 << 10), 0, false) })
            #expect(try results.map { try $0.get() } == [1, 1, 1, 1, 1] && sandbox.status == .ready)
        }
    }
}
