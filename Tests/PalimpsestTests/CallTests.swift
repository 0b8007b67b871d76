import Foundation
import TestSupport
import Testing

@testable import GuestABI
@testable import Palimpsest

@Suite("Calls")
struct CallTests {
    @Test("every type goes there and back unchanged")
    func echo() throws {
        let sandbox = try makeBehaved()
        func check<Value: GuestValue & Equatable>(_ name: String, _ values: [Value]) throws {
            for value in values {
                let result: Value = try sandbox.call(name, value)
                #expect(result == value, "\(name)")
            }
        }
        try check("echoBool", [true, false])
        try check("echoInt8", [.min, -1, 0, .max] as [Int8])
        try check("echoUInt8", [0, .max] as [UInt8])
        try check("echoInt16", [.min, -1, .max] as [Int16])
        try check("echoUInt16", [0, .max] as [UInt16])
        try check("echoInt32", [.min, -1, .max] as [Int32])
        try check("echoUInt32", [0, .max] as [UInt32])
        try check("echoInt64", [.min, -1, .max] as [Int64])
        try check("echoInt64", [.min, -1, .max] as [Int])
        try check("echoUInt64", [0, .max] as [UInt64])
        try check("echoUInt64", [0, .max] as [UInt])
        try check("echoFloat", [0, -1.5, .infinity, .leastNonzeroMagnitude] as [Float])
        try check("echoDouble", [0, -1.5, .infinity, .pi] as [Double])
        try check("echoString", ["", "a", "Grüße, 世界 🌍", String(repeating: "x", count: 100_000)])
        try check("echoBytes", [[], [0], [UInt8](repeating: 0xff, count: 100_000)] as [[UInt8]])
        let notANumber: Double = try sandbox.call("echoDouble", Double.nan)
        #expect(notANumber.isNaN)
        try sandbox.call("nothing")
        #expect(sandbox.status == .ready)
    }

    @Test("twelve arguments of mixed types spill to the stack as the System V ABI says", arguments: ["C", "Swift"])
    func twelve(language: String) throws {
        let sandbox =
            language == "C"
            ? try makeBehaved() : try Sandbox(guest: .bytes(Guests.swift), hostFunctions: makeHostFunctions())
        let result: Double = try sandbox.call(
            "twelve", -1 as Int8, 2.5, "abc", 4.25 as Float, 5 as Int64, [9, 9] as [UInt8], 7 as UInt32, 8.5,
            -9 as Int16, "jj", true, 12 as Int64)
        let parts: [Double] = [-1, 5, 12, 34, 80, 64, 448, 1088, -2304, 1024, 1024, 24576, 106, 9]
        #expect(result == parts.reduce(0, +))
    }

    @Test("more doubles than there are vector registers spill to the stack")
    func manyDoubles() throws {
        let sandbox = try makeBehaved()
        let result: Double = try sandbox.call(
            "twelveDoubles", 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0)
        #expect(result == 650)
    }

    @Test("a handle is checked once and then called")
    func handle() throws {
        let sandbox = try makeBehaved()
        let echo = try sandbox.function("echoInt64", as: ((Int64) -> Int64).self)
        for value in 0..<1_000 as Range<Int64> { #expect(try sandbox.call(echo, value) == value) }
        let nothing = try sandbox.function("nothing", as: (() -> Void).self)
        try sandbox.call(nothing)
        let other = try makeBehaved()
        guard case .foreignFunction = caughtError(of: { _ = try other.call(echo, 1) }) else {
            Issue.record("a handle of another sandbox was not refused")
            return
        }
    }

    @Test("a call makes exactly one KVM_RUN")
    func oneRun() async throws {
        // A thread of its own: what other tests' rings have under way interrupts system calls of theirs.
        let runs = try await onThread {
            let sandbox = try makeBehaved()
            let echo = try sandbox.function("echoInt64", as: ((Int64) -> Int64).self)
            _ = try sandbox.call(echo, 1)
            let before = sandbox.statistics.vcpuRuns
            for value in 0..<100 as Range<Int64> { _ = try sandbox.call(echo, value) }
            return sandbox.statistics.vcpuRuns - before
        }
        #expect(runs == 100)
    }

    @Test("values whose types are known at run time only are called by signature")
    func dynamic() throws {
        let sandbox = try makeBehaved()
        #expect(try sandbox.call("echoBytes", arguments: [.bytes([1, 2])]) == .bytes([1, 2]))
        #expect(try sandbox.call("nothing", arguments: []) == .void)
        let value = try AnyGuestValue(parsing: "-5", as: .int8)
        #expect(try sandbox.call("echoInt8", arguments: [value]) == .int8(-5))
        guard case .signatureMismatch = caughtError(of: { _ = try sandbox.call("echoInt8", arguments: [.int64(1)]) })
        else {
            Issue.record("a wrong type was not refused")
            return
        }
    }

    @Test("text parses as the type it should be, or not at all")
    func parsing() throws {
        #expect(try AnyGuestValue(parsing: "0xff", as: .uint8) == .uint8(255))
        #expect(try AnyGuestValue(parsing: "-0x80", as: .int8) == .int8(-128))
        #expect(try AnyGuestValue(parsing: "true", as: .bool) == .bool(true))
        #expect(try AnyGuestValue(parsing: "0x00FF", as: .bytes) == .bytes([0, 255]))
        let wrong: [(String, GuestValueType)] = [
            ("256", .uint8), ("-1", .uint64), ("", .int64), ("0x", .int32), ("0x-5", .int32), ("yes", .bool),
            ("abc", .bytes), ("zz", .bytes), ("1.5.2", .double), ("x", .void),
        ]
        for (text, type) in wrong {
            guard case .invalidValue(text, type) = caughtError(of: { _ = try AnyGuestValue(parsing: text, as: type) })
            else {
                Issue.record("'\(text)' was taken for \(type)")
                continue
            }
        }
    }

    @Test("writable data of the image keeps its changes, is copied once, and is nobody else's")
    func copyOnWrite() throws {
        let one = try makeBehaved()
        let other = try makeBehaved()
        for expected in 1001...1005 as ClosedRange<Int64> { #expect(try one.call("count") == expected) }
        #expect(try other.call("count") as Int64 == 1001)
        let sum: UInt64 = try one.call("sumOfTable", 512 as UInt64)
        #expect(sum == 7)
        let copied = one.statistics.pagesCopied
        #expect(copied >= 128)
        let again: UInt64 = try one.call("sumOfTable", 512 as UInt64)
        #expect(again == 7 + 128)
        #expect(one.statistics.pagesCopied == copied)
    }

    @Test("the heap is as large as configured, and malloc returns null beyond it")
    func heap() throws {
        let sandbox = try makeBehaved(SandboxConfiguration(heapByteCount: 1 << 20))
        for _ in 0..<3 {
            let total: UInt64 = try sandbox.call("allocateUntilNull", 4000 as UInt64)
            #expect((500_000...1 << 20).contains(total))
        }
        let bytes: [UInt8] = try sandbox.call("fill", 1000 as UInt64, 7 as UInt8)
        #expect(bytes == [UInt8](repeating: 7, count: 1000))
        #expect(sandbox.status == .ready)
    }

    @Test("a guest's error reaches the host with message and code, and the sandbox stays ready")
    func guestErrors() throws {
        let sandbox = try makeBehaved()
        guard case .guestError("no good", 42) = caughtError(of: { try sandbox.call("fails", "no good", 42 as UInt32) })
        else {
            Issue.record("message or code lost")
            return
        }
        guard case .guestError("raised", 5) = caughtError(of: { try sandbox.call("raises") }) else {
            Issue.record("message or code lost")
            return
        }
        #expect(sandbox.status == .ready)
        try sandbox.call("nothing")
    }

    @Test("random numbers differ between calls and between sandboxes")
    func randomness() throws {
        var seen: Set<UInt64> = []
        for _ in 0..<4 {
            let sandbox = try makeBehaved()
            for _ in 0..<100 { seen.insert(try sandbox.call("random")) }
        }
        #expect(seen.count == 400)
    }

    @Test("a sandbox takes no other call before the result of the last is read out of its memory")
    func decoding() throws {
        let sandbox = try makeBehaved()
        Intruder.sandbox.value = sandbox
        defer { Intruder.sandbox.value = nil }
        let result: Intruder = try sandbox.call("echoInt64", 7 as Int64)
        guard case .callInProgress = result.refusal else {
            Issue.record("\(String(describing: result.refusal))")
            return
        }
        #expect(result.number == 7)
        #expect(try sandbox.call("echoInt64", 8 as Int64) == Int64(8))
    }

    @Test("calls from two threads get their own results or are refused")
    func twoThreads() async throws {
        struct Shared: @unchecked Sendable { let sandbox: Sandbox }
        let shared = Shared(sandbox: try makeBehaved())
        let right = try await withThrowingTaskGroup(of: Int.self) { group in
            for text in ["a", "b"].map({ String(repeating: $0, count: 50) }) {
                group.addTask {
                    try await onThread {
                        var right = 0
                        for _ in 0..<3_000 {
                            do throws(SandboxError) {
                                let echo: String = try shared.sandbox.call("echoString", text)
                                #expect(echo == text)
                                right += 1
                            } catch .callInProgress {}
                        }
                        return right
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        #expect(right > 0 && shared.sandbox.statistics.calls == UInt64(right))
    }

    @Test("a value that encodes itself as more than one ends the process, and writes nothing beyond its place")
    func greedyValues() async {
        await #expect(processExitsWith: .signal(SIGILL)) {
            Greedy.endQuickly()
            let sandbox = try makeBehaved()
            let _: Int64 = try sandbox.call("echoInt64", Greedy(count: 400))
            exit(EXIT_SUCCESS)
        }
        await #expect(processExitsWith: .signal(SIGILL), "the result of a host function") {
            Greedy.endQuickly()
            var host = try makeHostFunctions()
            try host.register("greedy") { () -> Greedy in Greedy(count: 3) }
            let sandbox = try Sandbox(guest: .bytes(Guests.behaved), hostFunctions: host)
            let _: UInt32 = try sandbox.call("hostStatus", "greedy", "l")
            exit(EXIT_SUCCESS)
        }
        await #expect(processExitsWith: .success, "as many as there is room for") {
            let sandbox = try makeBehaved()
            #expect(try sandbox.call("echoInt64", Greedy(count: 30)) == Int64(1))
        }
    }
}

/// A result that calls the sandbox it comes from while it is decoded.
private struct Intruder: GuestValue {
    final class Box: @unchecked Sendable { var value: Sandbox? }
    static let sandbox = Box()
    static var guestType: GuestValueType { .int64 }

    let number: Int64
    let refusal: SandboxError?

    func encode(into encoder: inout GuestValueEncoder) { number.encode(into: &encoder) }

    static func decode(from decoder: GuestValueDecoder) throws(GuestValueError) -> Intruder {
        let refusal = caughtError { try sandbox.value?.call("nothing") }
        return Intruder(number: try Int64.decode(from: decoder), refusal: refusal)
    }
}

/// An argument that takes the places of several.
private struct Greedy: GuestValue {
    static var guestType: GuestValueType { .int64 }
    var count: Int

    func encode(into encoder: inout GuestValueEncoder) {
        for _ in 0..<count { Int64(1).encode(into: &encoder) }
    }

    static func decode(from decoder: GuestValueDecoder) throws(GuestValueError) -> Greedy { Greedy(count: 1) }

    /// Has a trap end the process without a backtrace, which takes a second.
    static func endQuickly() { signal(SIGILL, SIG_DFL) }
}
