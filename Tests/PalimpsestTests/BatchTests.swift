import CPalimpsest
import Foundation
import TestSupport
import Testing

@testable import GuestABI
@testable import MicroVM
@testable import Palimpsest

@Suite("Batches", .timeLimit(.minutes(20)))
struct BatchTests {
    @Test("a batch gives what as many calls give, in one entry")
    func oneEntry() throws {
        let sandbox = try makeBehaved()
        let echo = try sandbox.function("echoInt64", as: ((Int64) -> Int64).self)
        _ = try sandbox.callBatch(echo, [1])
        let before = sandbox.statistics
        let values = (0..<500).map { Int64($0) * 7 - 3 }
        let results = try sandbox.callBatch(echo, values)
        #expect(try results.map { try $0.get() } == values)
        #expect(sandbox.statistics.calls - before.calls == 500)
        // One for each page of the mailbox that is new to the guest at most, and one for all the calls.
        #expect(sandbox.statistics.vcpuRuns - before.vcpuRuns < 100)
    }

    @Test("strings outlive the calls behind them")
    func strings() throws {
        let sandbox = try makeBehaved()
        let echo = try sandbox.function("echoString", as: ((String) -> String).self)
        let texts = (0..<3000).map { String(repeating: "\($0) ", count: $0 % 90) }
        #expect(try sandbox.callBatch(echo, texts).map { try $0.get() } == texts)
    }

    // MARK: - The same as single calls

    private static let registerResets = [RegisterReset.byHost, .byGuest(Residency())]

    private static func make(_ registerReset: RegisterReset = .byHost) throws -> Sandbox {
        var configuration = Resident.small
        configuration.registerReset = registerReset
        return try makeBehaved(configuration)
    }

    @Test("random values of every type come back as from single calls", arguments: registerResets)
    func types(registerReset: RegisterReset) throws {
        let sandbox = try BatchTests.make(registerReset)
        var random = SplitMix(state: 11)
        let bits = (0..<300).map { _ in random.next() }
        func check<Value: GuestValue & Equatable>(_ name: String, _ values: [Value]) throws {
            let echo = try sandbox.function(name, as: ((Value) -> Value).self)
            #expect(try sandbox.callBatch(echo, values).map { try $0.get() } == values, "\(name)")
        }
        try check("echoBool", bits.map { $0 & 1 == 1 })
        try check("echoInt8", bits.map { Int8(truncatingIfNeeded: $0) })
        try check("echoUInt8", bits.map { UInt8(truncatingIfNeeded: $0) })
        try check("echoInt16", bits.map { Int16(truncatingIfNeeded: $0) })
        try check("echoUInt16", bits.map { UInt16(truncatingIfNeeded: $0) })
        try check("echoInt32", bits.map { Int32(truncatingIfNeeded: $0) })
        try check("echoUInt32", bits.map { UInt32(truncatingIfNeeded: $0) })
        try check("echoInt64", bits.map { Int64(bitPattern: $0) })
        try check("echoUInt64", bits)
        try check("echoFloat", bits.map { Float(Int64(bitPattern: $0)) / 3 })
        try check("echoDouble", bits.map { Double(Int64(bitPattern: $0)) / 3 })
        try check("echoString", bits.map { String(repeating: "\u{20ac}x", count: Int($0 % 200)) })
        try check("echoBytes", bits.map { [UInt8](repeating: UInt8(truncatingIfNeeded: $0), count: Int($0 % 900)) })
    }

    @Test("twelve arguments, some of them on the stack, are those of their own call", arguments: registerResets)
    func twelve(registerReset: RegisterReset) throws {
        let sandbox = try BatchTests.make(registerReset)
        var arguments: [[AnyGuestValue]] = []
        for index in 0..<40 {
            let text = AnyGuestValue.string(String(repeating: "t", count: index + 1))
            let bytes = AnyGuestValue.bytes([UInt8](repeating: 9, count: index + 1))
            let (small, number) = (AnyGuestValue.int8(Int8(index)), AnyGuestValue.int64(Int64(index)))
            let eighths = AnyGuestValue.double(Double(index) / 8)
            var values: [AnyGuestValue] = [small, .double(0.5), text, .float(Float(index)), number, bytes]
            values += [.uint32(UInt32(index)), eighths, .int16(-9), text, .bool(index % 2 == 0), number]
            arguments.append(values)
        }
        let single = try BatchTests.make()
        let results = try sandbox.callBatch("twelve", arguments: arguments).map { try $0.get() }
        #expect(try results == arguments.map { try single.call("twelve", arguments: $0) })
    }

    @Test("texts of every length up to the mailbox's, next to each other, in any order", arguments: registerResets)
    func lengths(registerReset: RegisterReset) throws {
        let sandbox = try BatchTests.make(registerReset)
        let echo = try sandbox.function("echoString", as: ((String) -> String).self)
        let limit = sandbox.mailboxDataByteCount
        var random = SplitMix(state: 12)
        var lengths =
            Array(stride(from: 0, through: limit, by: 97)) + [limit - 1, limit, limit / 2, limit / 4, 1, 7, 8]
        lengths.shuffle(using: &random)
        let texts = lengths.map { String(repeating: Character(UnicodeScalar(UInt8(97 + $0 % 26))), count: $0) }
        #expect(try sandbox.callBatch(echo, texts).map { try $0.get() } == texts)
    }

    @Test("arguments that do not fit are their own call's error", arguments: registerResets)
    func tooLarge(registerReset: RegisterReset) throws {
        let sandbox = try BatchTests.make(registerReset)
        let echo = try sandbox.function("echoString", as: ((String) -> String).self)
        let limit = sandbox.mailboxDataByteCount
        let texts = [0, 5, limit + 1, 6, limit, limit + 1, 7].map { String(repeating: "x", count: $0) }
        let results = try sandbox.callBatch(echo, texts)
        for (text, result) in zip(texts, results) {
            switch result {
            case .success(let found): #expect(found == text && text.count <= limit)
            case .failure(.argumentsTooLarge): #expect(text.count > limit)
            case .failure(let error): Issue.record("\(error)")
            }
        }
        #expect(results.count == texts.count && sandbox.status == .ready)
    }

    @Test("results that find no room behind the arguments come back nevertheless", arguments: registerResets)
    func largeResults(registerReset: RegisterReset) throws {
        let sandbox = try BatchTests.make(registerReset)
        let fill = try sandbox.function("fill", as: ((UInt64, UInt8) -> [UInt8]).self)
        let limit = sandbox.mailboxDataByteCount
        let counts = [0, 1, 100, limit / 4, limit / 2, limit, limit + 1, 3, limit - 1, 1 << 40, 9, limit / 8]
        let results = try sandbox.callBatch(fill, counts.map { (UInt64($0), UInt8(truncatingIfNeeded: $0)) })
        for (count, result) in zip(counts, results) {
            switch result {
            case .success(let bytes):
                #expect(bytes == [UInt8](repeating: UInt8(truncatingIfNeeded: count), count: count))
            case .failure(.valueTooLarge): #expect(count > limit)
            case .failure(.guestError("no memory", 12)): #expect(count > 1 << 30)
            case .failure(let error): Issue.record("\(count): \(error)")
            }
        }
        #expect(results.count == counts.count)
    }

    @Test("a call that fails in the middle is its own error; those behind it are made", arguments: registerResets)
    func guestErrors(registerReset: RegisterReset) throws {
        let sandbox = try BatchTests.make(registerReset)
        let fails = try sandbox.function("fails", as: ((String, UInt32) -> Void).self)
        let results = try sandbox.callBatch(fails, (0..<50).map { ("message \($0)", UInt32($0)) })
        for (index, result) in results.enumerated() {
            guard case .failure(.guestError("message \(index)", UInt32(index))) = result else {
                Issue.record("\(index): \(result)")
                continue
            }
        }
        let mixed = try sandbox.callBatch(
            "hostStatus",
            arguments: [
                [.string("throws"), .string("v")], [.string("tick"), .string("v")], [.string("absent"), .string("v")],
                [.string("add"), .string("v")], [.string("huge"), .string("y")],
            ])
        #expect(try mixed.map { try $0.get() } == [1, 0, 2, 3, 4].map { AnyGuestValue.uint32($0) })
        #expect(results.count == 50 && sandbox.status == .ready)
        let raises = try sandbox.function("raises", as: (() -> Void).self)
        let raised = try sandbox.callBatch(raises, [(), (), ()])
        #expect(raised.allSatisfy { if case .failure(.guestError("raised", 5)) = $0 { true } else { false } })
    }

    @Test("host functions answer the call that asks, and their texts are results", arguments: registerResets)
    func hostFunctions(registerReset: RegisterReset) throws {
        let sandbox = try BatchTests.make(registerReset)
        let add = try sandbox.function("hostAddTwice", as: ((Int64, Int64) -> Int64).self)
        let pairs = (0..<200).map { (Int64($0), Int64($0 * 3)) }
        #expect(try sandbox.callBatch(add, pairs).map { try $0.get() } == pairs.map { $0 + 2 * $1 })
        let join = try sandbox.function("hostJoin", as: ((String, [UInt8], Double) -> String).self)
        let results = try sandbox.callBatch(
            join, (0..<100).map { ("text \($0)", [UInt8](repeating: 1, count: $0), Double($0)) })
        #expect(try results.map { try $0.get() } == (0..<100).map { "text \($0)|\($0)|\(Double($0))" })
    }

    @Test(
        "no call at all is no result, and a foreign function or a deadline passed is an error",
        arguments: registerResets)
    func empty(registerReset: RegisterReset) throws {
        let sandbox = try BatchTests.make(registerReset)
        let other = try makeHostile(Resident.small)
        let echo = try sandbox.function("echoInt64", as: ((Int64) -> Int64).self)
        #expect(try sandbox.callBatch(echo, []).isEmpty)
        #expect(sandbox.statistics.calls == 0 && sandbox.status == .ready)
        guard case .foreignFunction = caughtError(of: { _ = try other.callBatch(echo, [1]) }),
            case .deadlineExceeded = caughtError(of: {
                _ = try sandbox.callBatch(echo, [1], deadline: .now - .seconds(1))
            }),
            case .signatureMismatch = caughtError(of: {
                _ = try sandbox.callBatch("echoInt64", arguments: [[.int64(1)], [.string("")]])
            })
        else {
            Issue.record("not refused")
            return
        }
        #expect(sandbox.statistics.calls == 0 && sandbox.status == .ready)
        #expect(try sandbox.callBatch(echo, [5]).map { try $0.get() } == [5])
    }

    @Test("100,000 calls come back in order")
    func many() throws {
        let sandbox = try makeBehaved()
        let echo = try sandbox.function("echoInt64", as: ((Int64) -> Int64).self)
        let values = (0..<100_000).map { Int64($0) &* 0x9e37_79b9 }
        #expect(try sandbox.callBatch(echo, values).map { try $0.get() } == values)
        #expect(sandbox.statistics.calls == 100_000)
    }

    @Test("a later call sees what earlier ones left, and each finds its registers reset")
    func memoryAndRegisters() throws {
        let sandbox = try BatchTests.make()
        let count = try sandbox.function("count", as: (() -> Int64).self)
        #expect(try sandbox.callBatch(count, [(), (), ()]).map { try $0.get() } == [1001, 1002, 1003])
        // Each call finds what the one before it, `state` as well, has not left behind.
        let fuzz = try Fuzzer.makeSandbox(.copy)
        let single: [UInt8] = try fuzz.call("state")
        let state = try fuzz.function("state", as: (() -> [UInt8]).self)
        let states = try fuzz.callBatch(state, [(), (), (), ()]).map { try $0.get() }
        #expect(states.allSatisfy { $0 == single })
    }

    // MARK: - Batches that end early

    /// Makes a batch that has only so long; again if its time was over before it began.
    private static func limited<Value>(
        _ milliseconds: Int, _ batch: (ContinuousClock.Instant) throws -> [Result<Value, SandboxError>]
    ) throws -> [Result<Value, SandboxError>] {
        while true {
            do { return try batch(.now + .milliseconds(milliseconds)) } catch SandboxError.deadlineExceeded {}
        }
    }

    @Test(
        "a fault, a deadline or an interrupt in the middle: what ran has its result, the rest is not run",
        arguments: registerResets)
    func stopped(registerReset: RegisterReset) throws {
        let sandbox = try BatchTests.make(registerReset)
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        let spin = try sandbox.function("spinFor", as: ((UInt64) -> UInt64).self)
        let rounds: [UInt64] = [1, 2, 3, 1 << 60, 5, 6]
        for round in 0..<6 {
            let handle = sandbox.interruptHandle
            let isOver = DispatchSemaphore(value: 0)
            if round % 2 == 1 {
                Thread.detachNewThread {
                    while !handle.interrupt() { usleep(2_000) }
                    isOver.signal()
                }
            }
            let values = round == 1 ? [1 << 60, 5] : rounds
            let results =
                round % 2 == 1
                ? try sandbox.callBatch(spin, values)
                : try BatchTests.limited(10) { try sandbox.callBatch(spin, values, deadline: $0) }
            if round % 2 == 1 { isOver.wait() }
            #expect(results.count == (round == 1 ? 2 : 6) && sandbox.status == .poisoned)
            var isStopped = false
            for (index, result) in results.enumerated() {
                switch result {
                case .success(let value): #expect(!isStopped && value == rounds[index])
                case .failure(.deadlineExceeded):
                    #expect(!isStopped && round % 2 == 0)
                    isStopped = true
                case .failure(.interrupted):
                    #expect(!isStopped && round % 2 == 1)
                    isStopped = true
                case .failure(.poisoned): #expect(isStopped)
                case .failure(let error): Issue.record("\(error)")
                }
            }
            try sandbox.restore(snapshot)
            #expect(try oracle.differences(sandbox) == [])
        }
    }

    @Test("a fault in the middle is its own call's", arguments: registerResets)
    func fault(registerReset: RegisterReset) throws {
        var configuration = Resident.small
        configuration.registerReset = registerReset
        let sandbox = try makeHostile(configuration)
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        let divide = try sandbox.function("divide", as: ((Int32, Int32) -> Int32).self)
        for at in [0, 1, 7, 9] {
            let results = try sandbox.callBatch(divide, (0..<10).map { (Int32(100), Int32($0 == at ? 0 : 5)) })
            for (index, result) in results.enumerated() {
                switch result {
                case .success(20): #expect(index < at)
                case .failure(.fault(let fault)): #expect(index == at && fault.kind == .exception(vector: 0))
                case .failure(.poisoned): #expect(index > at)
                default: Issue.record("\(index): \(result)")
                }
            }
            #expect(results.count == 10)
            try sandbox.restore(snapshot)
            #expect(try oracle.differences(sandbox) == [])
        }
    }

    // MARK: - Rollbacks

    @Test(
        "a rollback after a batch leaves exactly the snapshot, whatever the host has put into the mailbox",
        arguments: registerResets, RollbackStrategy.allCases)
    func rolledBack(registerReset: RegisterReset, strategy: RollbackStrategy) throws {
        let sandbox = try BatchTests.make(registerReset)
        sandbox.rollbackStrategy = strategy
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        let limit = sandbox.mailboxDataByteCount
        let join = try sandbox.function("hostJoin", as: ((String, [UInt8], Double) -> String).self)
        for lengths in [
            // Two that fill half the mailbox together, one that has to wait for the next entry, one that never fits.
            [limit / 3, limit / 3, limit / 3], [10, limit * 3 / 4, 10], [10, limit - 100, 10], [10, limit + 1, 10],
            [limit * 2, 1], [limit / 2 - 400, limit / 2], Array(repeating: 300, count: 100),
        ] {
            for isSplit in [false, true] {
                let arguments = lengths.map { length in
                    isSplit
                        ? (
                            String(repeating: "s", count: length / 2),
                            [UInt8](repeating: 0x55, count: length - length / 2), 1.0
                        )
                        : ("", [UInt8](repeating: 0x55, count: length), 1.0)
                }
                #expect(try sandbox.callBatch(join, arguments).count == lengths.count)
                try sandbox.restore(snapshot)
                #expect(try oracle.differences(sandbox) == [], "\(lengths), \(isSplit)")
            }
        }
    }

    // MARK: - Guests that attack

    @Test("a guest that moves the batch's pointers gets results or errors, one for each call, and no further")
    func movedPointers() throws {
        let sandbox = try Resident.usurper(Resident.small)
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        let data = UInt64(PAL_MAILBOX_ADDRESS) + UInt64(PAL_MAILBOX_DATA_OFFSET)
        let numbers = try sandbox.function("moveBatch", as: ((UInt64, UInt64, UInt64, UInt64) -> UInt64).self)
        let texts = try sandbox.function("moveBatchText", as: ((UInt64, UInt64, UInt64, UInt64) -> String).self)
        let size = UInt64(PAL_BATCH_CALL_BYTES)
        let places: [UInt64] = [
            8, data, data + 1, data + size, data + 3 * size, data + 7 * size, data + 8 * size, data + 9 * size,
            data + (8 << 10), data + (15 << 10), UInt64(PAL_MAILBOX_ADDRESS), UInt64(PAL_CONSTANTS_ADDRESS),
            UInt64(PAL_STACK_TOP) - 64, 0xffff_8000_0000_1000, 1 << 63, ~0, ~0 - size + 1,
        ]
        func check<Value>(
            _ call: (ContinuousClock.Instant) throws -> [Result<Value, SandboxError>], _ comment: String
        ) throws {
            #expect(try BatchTests.limited(5, call).count == 8, "\(comment)")
            try sandbox.restore(snapshot)
            #expect(try oracle.differences(sandbox) == [], "\(comment)")
        }
        for place in places {
            for field in 0..<4 {
                var fields = [UInt64](repeating: 0, count: 4)
                fields[field] = place
                var arguments = [(UInt64, UInt64, UInt64, UInt64)](repeating: (0, 0, 0, 0), count: 8)
                arguments[3] = (fields[0], fields[1], fields[2], fields[3])
                let comment = "field \(field) = \(hex(place))"
                try check({ try sandbox.callBatch(numbers, arguments, deadline: $0) }, comment)
                try check({ try sandbox.callBatch(texts, arguments, deadline: $0) }, comment)
            }
        }
        // All of it at once, room without end among it.
        for (space, end) in [(UInt64(1), ~UInt64(0)), (data, ~0), (~0, 1), (UInt64(PAL_STACK_TOP) - 8, ~0)] {
            let arguments = [(UInt64, UInt64, UInt64, UInt64)](repeating: (0, ~0, space, end), count: 8)
            try check({ try sandbox.callBatch(texts, arguments, deadline: $0) }, "space \(space)")
        }
    }

    @Test("a guest that overwrites the records of a batch gets results or errors, one for each call, and no further")
    func overwrittenRecords() throws {
        let sandbox = try Resident.usurper(Resident.small)
        let snapshot = try sandbox.snapshot()
        let oracle = try Oracle(sandbox)
        let fill = try sandbox.function("fillRecords", as: ((UInt64, UInt64) -> String).self)
        for value in [
            0, 1, ~0, 0xffff_8000_0000_1000, UInt64(PAL_MAILBOX_ADDRESS), UInt64(PAL_ENTRY_ADDRESS), 0x3fff_0000,
        ] {
            for count in [1, 17, 48, 60, 400, 1800] as [UInt64] {
                let arguments: [(UInt64, UInt64)] = [(0, 0), (0, 0), (count, value), (0, 0), (0, 0)]
                let results = try BatchTests.limited(5) { try sandbox.callBatch(fill, arguments, deadline: $0) }
                #expect(results.count == 5)
                for result in results {
                    guard case .success(let text) = result else { continue }
                    #expect(String(validating: Array(text.utf8), as: UTF8.self) == text)
                }
                try sandbox.restore(snapshot)
                #expect(try oracle.differences(sandbox) == [], "\(count) x \(hex(value))")
            }
        }
    }
}
