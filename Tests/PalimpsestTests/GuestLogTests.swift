import CPalimpsest
import Logging
import TestSupport
import Testing

@testable import Palimpsest
@testable import PalimpsestPool

@Suite("Guest logs")
struct GuestLogTests {
    private let lines = LogLines()

    private func configuration(_ limit: GuestLogLimit? = nil, level: Logger.Level = .trace) -> SandboxConfiguration {
        var configuration = smallConfiguration
        let lines = lines
        configuration.logger = Logger(label: "test") { _ in lines }
        configuration.logger.logLevel = level
        configuration.logLimit = limit
        return configuration
    }

    private func chatty(_ limit: GuestLogLimit? = nil, level: Logger.Level = .trace) throws -> Sandbox {
        try Sandbox(guest: .bytes(Guests.chatty), configuration: configuration(limit, level: level))
    }

    /// Of one a second: what a sandbox gains while a test runs is what `seconds` says.
    private func limit(lines: Int = 1_000, bytes: Int = 1 << 20) -> GuestLogLimit {
        GuestLogLimit(linesPerSecond: 1, bytesPerSecond: 1, burstLines: lines, burstBytes: bytes)
    }

    /// How many seconds something has taken, begun ones included: so many tokens a bucket of one a second may have
    /// gained.
    private func seconds(_ body: () async throws -> Void) async rethrows -> Int {
        let start = ContinuousClock.now
        try await body()
        return Int((ContinuousClock.now - start).components.seconds) + 1
    }

    private var floodCount: Int { lines.all.count { $0 == "info flood" } }
    private var droppedCount: Int {
        lines.allMetadata.compactMap { $0["dropped"].flatMap { Int("\($0)") } }.reduce(0, +)
    }

    @Test("every level of a C and of a Swift guest reaches the logger, unknown ones as critical")
    func levels() throws {
        let swift = try Sandbox(
            guest: .bytes(Guests.swift), configuration: configuration(), hostFunctions: makeHostFunctions())
        let expected = ["trace", "debug", "info", "notice", "warning", "error", "critical", "critical", "critical"]
        for (sandbox, function) in [(try chatty(), "say"), (swift, "logs")] {
            let before = lines.all.count
            for level in [0, 1, 2, 3, 4, 5, 6, 7, UInt32.max] { try sandbox.call(function, level, "text") }
            #expect(lines.all.dropFirst(before) == expected.map { "\($0) text" }[...])
        }
    }

    @Test("a line carries its sandbox, its function and its guest, whatever it says")
    func metadata() throws {
        let file = try TemporaryFile(bytes: Guests.chatty)
        let sandbox = try Sandbox(guest: .file(file.path), configuration: configuration())
        let other = try Sandbox(guest: .bytes(Guests.chatty), configuration: smallConfiguration)
        #expect(sandbox.id != other.id)
        try sandbox.call("say", UInt32(PAL_LOG_INFO), "sandbox=\(other.id) function=flood\nguest=other")
        let found = try #require(lines.allMetadata.last)
        #expect(found["function"] == "say")
        #expect(found["sandbox"] == "\(sandbox.id)")
        #expect(found["guest"].map { file.path.hasSuffix("/\($0)") } == true)
        #expect(lines.all.last == "info sandbox=\(other.id) function=flood\\u{a}guest=other")
    }

    @Test("control characters, line breaks and bidirectional overrides are written out; bad UTF-8 is repaired")
    func escapes() throws {
        let sandbox = try chatty()
        try sandbox.call(
            "say", UInt32(PAL_LOG_INFO), "a\u{202e}b\r\n\u{2028}\u{2029}\u{85}\u{1b}]0;x\u{7}\u{200f}\u{0}c")
        #expect(
            lines.all.last
                == "info a\\u{202e}b\\u{d}\\u{a}\\u{2028}\\u{2029}\\u{85}\\u{1b}]0;x\\u{7}\\u{200f}\\u{0}c")
        try sandbox.call("putsText", [0x66, 0xff, 0xc3, 0x28, 0] as [UInt8])
        #expect(lines.all.last == "info f\u{fffd}\u{fffd}(")
    }

    @Test("beyond the burst lines are dropped, counted, and reported at the end of the call")
    func lineLimit() async throws {
        let sandbox = try chatty(limit(lines: 10))
        let seconds = try await seconds { try sandbox.call("flood", UInt64(500)) }
        #expect((10...10 + seconds).contains(floodCount))
        let report = try #require(lines.allMetadata.firstIndex { $0["dropped"] != nil })
        let count = try #require(lines.allMetadata[report]["dropped"])
        #expect(lines.all[report] == "warning \(count) lines of the guest's log dropped: more than its limit")
        #expect(lines.allMetadata[report]["function"] == "flood")
        // With the next report, if a call took so long that there were two.
        if seconds == 1 { #expect(floodCount + droppedCount == 500) }
    }

    @Test("calls that all drop lines are not each reported, and a sandbox that goes says the rest")
    func reports() async throws {
        do {
            let sandbox = try chatty(limit(lines: 1))
            let seconds = try await seconds { for _ in 0..<100 { try sandbox.call("flood", UInt64(2)) } }
            #expect(lines.all.count <= 2 + 2 * seconds)
        }
        #expect(droppedCount + floodCount == 200)
    }

    @Test("bytes are limited as lines are")
    func byteLimit() throws {
        let sandbox = try chatty(limit(bytes: 4_096))
        try sandbox.call("say", UInt32(PAL_LOG_INFO), String(repeating: "x", count: 4_000))
        try sandbox.call("say", UInt32(PAL_LOG_INFO), String(repeating: "y", count: 200))
        try sandbox.call("say", UInt32(PAL_LOG_INFO), "z")
        #expect(lines.all.map { $0.prefix(6) } == ["info x", "warnin", "info z"])
    }

    @Test("room comes back with time, as much as the rate says and no more than the burst")
    func bucket() {
        var bucket = TokenBucket(rate: 10, burst: 3)
        let start: UInt64 = 5_000_000_000
        let taken = (0..<5).map { _ in bucket.take(1, now: start) }
        #expect(taken == [true, true, true, false, false])
        let once = [99_999_999, 100_000_000, 100_000_000].map { bucket.take(1, now: start + $0) }
        #expect(once == [false, true, false])
        #expect(!bucket.holds(4, now: start + 3_600_000_000_000))
        let later = (0..<4).map { _ in bucket.take(1, now: start + 3_600_000_000_000) }
        #expect(later == [true, true, true, false])
    }

    @Test("limits out of range are refused by sandboxes, pools and budgets", arguments: [0, 1_000_001])
    func validation(count: Int) throws {
        var bad = GuestLogLimit()
        bad.burstLines = count
        for wrong in [bad, GuestLogLimit(linesPerSecond: 0), GuestLogLimit(burstBytes: 4_095)] {
            #expect(throws: SandboxError.self) { try chatty(wrong) }
            #expect(throws: SandboxError.self) { try GuestLogBudget(wrong) }
            #expect(throws: SandboxError.self) {
                try Sandbox(from: makeBehavedSnapshot(), configuration: configuration(wrong))
            }
            #expect(throws: SandboxPoolError.self) {
                try SandboxPool(configuration: SandboxPoolConfiguration(logLimitPerSnapshot: wrong))
            }
        }
        #expect(
            GuestLogLimit().times(.max)
                == GuestLogLimit(
                    linesPerSecond: 1_000_000, bytesPerSecond: 1 << 30, burstLines: 1_000_000, burstBytes: 1 << 30))
    }

    @Test("sandboxes with one budget share it, each within its own limit")
    func sharedBudget() async throws {
        var shared = configuration(limit(lines: 20))
        shared.logBudget = try GuestLogBudget(limit(lines: 30))
        let sandboxes = try (0..<3).map { _ in
            try Sandbox(guest: .bytes(Guests.chatty), configuration: shared)
        }
        var counts: [Int] = []
        let seconds = try await seconds {
            for sandbox in sandboxes {
                let before = floodCount
                try sandbox.call("flood", UInt64(25))
                counts.append(floodCount - before)
            }
        }
        #expect((20...20 + seconds).contains(counts[0]) && counts[1] <= 20 + seconds)
        #expect((30...30 + seconds).contains(counts.reduce(0, +)))
    }

    @Test("a snapshot that floods a pool's log leaves room for the others, and its lines say whose they are")
    func pool() async throws {
        let snapshot = try chatty().snapshot()
        let pool = try SandboxPool(
            configuration: SandboxPoolConfiguration(
                sandboxCount: 1...4, threadCount: 2, sandbox: configuration(), name: "test-pool",
                logger: Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() },
                logLimit: limit(lines: 100), logLimitPerSnapshot: limit(lines: 40)))
        try pool.add(snapshot, as: "loud")
        try pool.add(snapshot, as: "quiet")
        let seconds = try await seconds {
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<8 { group.addTask { try await pool.call("flood", UInt64(100), snapshot: "loud") } }
                try await group.waitForAll()
            }
        }
        try await pool.call("say", UInt32(PAL_LOG_INFO), "heard", snapshot: "quiet")
        #expect((40...40 + seconds).contains(floodCount))
        #expect(lines.all.last == "info heard")
        #expect(lines.allMetadata.last?["function"] == "say")
        await pool.shutdown()
    }

    @Test("lines below the logger's level are not formatted, and what becomes of the guest is the same")
    func quietLogger() throws {
        for level in [Logger.Level.trace, .critical] {
            let sandbox = try chatty(limit(lines: 5), level: level)
            try sandbox.call("flood", UInt64(3))
            let fault = caughtFault { try sandbox.call("logOutside", UInt64(0x10), UInt64(8)) }
            guard case .protocolViolation = fault?.kind else {
                Issue.record("expected a protocol violation, found \(String(describing: fault))")
                continue
            }
        }
        #expect(lines.all.count == 3)
    }

    @Test("a guest that floods the log is stopped at its deadline", arguments: [nil, GuestLogLimit()])
    func deadline(limit: GuestLogLimit?) async throws {
        let sandbox = try chatty(limit, level: limit == nil ? .critical : .trace)
        var error: SandboxError?
        let seconds = await seconds {
            error = expire(sandbox, after: .milliseconds(50)) { try sandbox.call("floodForever", deadline: $0) }
        }
        guard case .deadlineExceeded = error else {
            Issue.record("expected deadlineExceeded, found \(String(describing: error))")
            return
        }
        // The burst, what came back with time, and a report a second.
        #expect(lines.all.count <= 1_001 * (1 + seconds))
    }

    // MARK: - print

    @Test("what a call has printed of a line is logged when it ends, and a rollback forgets it")
    func printedPart() throws {
        let sandbox = try chatty()
        let snapshot = try sandbox.snapshot()
        try sandbox.call("printPart", "one\ntwo")
        #expect(lines.all == ["info one", "info two"])
        try sandbox.call("printPart", "three\n")
        try sandbox.restore(snapshot)
        try sandbox.call("printPart", "four")
        #expect(lines.all == ["info one", "info two", "info three", "info four"])
        #expect(lines.allMetadata.last?["function"] == "printPart")
        try sandbox.call("putsText", Array("five\0".utf8))
        #expect(lines.all.last == "info five")
    }

    @Test("so is what a call printed before it crashed")
    func printedBeforeCrash() throws {
        let sandbox = try chatty()
        _ = caughtFault { try sandbox.call("printAndCrash", "last words") }
        #expect(lines.all == ["info last words"])
    }

    @Test("print of a Swift guest is a line, with or without its end, in resident calls too", arguments: [false, true])
    func swiftPrint(isResident: Bool) throws {
        var configuration = configuration()
        if isResident { configuration.registerReset = .byGuest(Residency()) }
        let sandbox = try Sandbox(
            guest: .bytes(Guests.swift), configuration: configuration, hostFunctions: makeHostFunctions())
        try sandbox.call("printsPart", "Grüße")
        try sandbox.call("prints", "eins\nzwei")
        #expect(lines.all == ["info Grüße", "info eins", "info zwei"])
    }

    @Test("a printed line that is too long is cut between characters")
    func longLine() throws {
        let sandbox = try chatty()
        let text = "x" + String(repeating: "ü", count: 5_000)
        try sandbox.call("printPart", text)
        #expect(lines.all.count == 3)
        #expect(lines.all.map { $0.dropFirst("info ".count) }.joined() == text)
        #expect(lines.all.allSatisfy { $0.utf8.count <= Int(PAL_MAX_MESSAGE_BYTES) + 5 })
        // Bytes that are no characters: no more than a line's either.
        try sandbox.call("putsText", [UInt8](repeating: 0x80, count: 10_000) + [0])
        #expect(lines.all.count == 6)
    }

    @Test("in a batch, each call's part of a line is logged with its entry")
    func batch() throws {
        let sandbox = try chatty()
        let print = try sandbox.function("printPart", as: ((String) -> Void).self)
        let results = try sandbox.callBatch(print, [("a"), ("b"), ("c\n")])
        #expect(results.count == 3)
        #expect(lines.all == ["info abc"])
    }

    @Test("a guest that claims to have printed what is not its own gets nothing logged")
    func falseClaims() throws {
        let sandbox = try chatty()
        let spans: [(UInt64, UInt64)] = [
            (0, 1), (.max, .max), (UInt64(PAL_STACK_TOP), 1 << 40), (0xffff_8000_0000_1000, 16), (1 << 47, 1),
            (UInt64(PAL_HEAP_ADDRESS) - 1, 4_096),
        ]
        for (address, count) in spans { try sandbox.call("claimPrinted", address, count) }
        #expect(lines.all.isEmpty)
        #expect(sandbox.status == .ready)
    }

    @Test("the initialisers' lines carry no function")
    func initialisers() throws {
        let sandbox = try chatty()
        #expect(sandbox.runningFunction == nil)
        try sandbox.call("flood", UInt64(0))
        #expect(sandbox.runningFunction == "flood")
    }
}
