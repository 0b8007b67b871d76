import GuestABI
import Palimpsest
import PalimpsestDebugger
import Testing

/// A debug session without gdb.
@Suite struct DebugSessionTests {
    /// Does something at the call's start, and lets it go on.
    private final class AtStart: DebugHandler {
        private let body: (DebugSession) throws -> Void
        private(set) var failure: (any Error)?

        init(_ body: @escaping (DebugSession) throws -> Void) { self.body = body }

        func stopped(_ stop: DebugStop, in session: DebugSession) -> DebugResumption {
            do { try body(session) } catch { failure = error }
            return .detach
        }
    }

    @Test func aWriteThatScratchHasNoRoomForWritesNothing() throws {
        let sandbox = try Sandbox(
            guest: .file(Debuggee.c.path),
            configuration: SandboxConfiguration(heapByteCount: 2 << 30, scratchByteCount: 1 << 20))
        let snapshot = try sandbox.snapshot()
        let heap = try #require(sandbox.regions.first { $0.label == "heap" }).addresses
        let tableSpan: UInt64 = 2 << 20
        let handler = AtStart { session in
            // One page table for each byte, until there is none left.
            var place = heap.lowerBound
            while (try? session.write([1], at: place)) != nil { place += tableSpan }
            #expect(place > heap.lowerBound && place < heap.upperBound)
            // The first byte has a page table, the second one has none.
            do throws(DebugError) {
                try session.write([7, 7], at: place - 1)
                Issue.record("there was room after all")
            } catch {
                guard case .scratchExhausted = error else {
                    Issue.record("\(error)")
                    return
                }
            }
            let (last, first) = try (
                session.read(place - 1, byteCount: 1), session.read(heap.lowerBound, byteCount: 1)
            )
            #expect(last == [0] && first == [1])
        }
        let session = try DebugSession(sandbox, handler: handler)
        let debugged = try session.call("sum", arguments: [.int64(2)])
        #expect(debugged == AnyGuestValue.int64(3))
        #expect(handler.failure == nil)
        try sandbox.restore(snapshot)
        let reader = AtStart { session in
            let byte = try session.read(heap.lowerBound, byteCount: 1)
            #expect(byte == [0])
        }
        let sum = try DebugSession(sandbox, handler: reader).call("sum", arguments: [.int64(2)])
        #expect(sum == AnyGuestValue.int64(3))
        #expect(reader.failure == nil)
    }

    /// Stops at the call's start so many times, each time with the generation that the guest sees.
    private final class Repeater: DebugHandler {
        private var count: Int
        private(set) var generations: [[UInt8]] = []

        init(_ count: Int) { self.count = count }

        func stopped(_ stop: DebugStop, in session: DebugSession) -> DebugResumption {
            // palimpsest_abi.h: the constants page, generation and entropy behind the XSAVE image and the version.
            generations.append((try? session.read(0x4000_1000 + 584, byteCount: 72)) ?? [])
            count -= 1
            return count > 0 ? .rollBack : .resume
        }
    }

    @Test func aRepeatedCallDrawsTheSameRandomNumbersAndTheNextOneOthers() throws {
        let sandbox = try Sandbox(guest: .file(Debuggee.c.path))
        let snapshot = try sandbox.snapshot()
        var seen: Set<[UInt8]> = []
        for _ in 0..<2 {
            let repeater = Repeater(4)
            let sum = try DebugSession(sandbox, handler: repeater).call("sum", arguments: [.int64(2)])
            #expect(sum == AnyGuestValue.int64(3))
            #expect(repeater.generations.count == 4 && Set(repeater.generations).count == 1)
            seen.formUnion(repeater.generations)
            try sandbox.restore(snapshot)
        }
        #expect(seen.count == 2 && !seen.contains([]))
    }

    @Test func breakpointsInTheEntryCodeAreTheSandboxsOwnAndGoWithTheSession() throws {
        let sandbox = try Sandbox(guest: .file(Debuggee.c.path))
        let snapshot = try sandbox.snapshot()
        let other = try Sandbox(from: snapshot)
        for _ in 0..<3 {
            let breaker = AtStart { session in
                let entry = try session.read(0x4000_0000, byteCount: 4_096)
                for offset in [UInt64(0), 64, 4_095] { try session.setBreakpoint(at: 0x4000_0000 + offset) }
                // A debugger does not see its own breakpoints; other sandboxes do not have them.
                #expect(try session.read(0x4000_0000, byteCount: 4_096) == entry)
                #expect(try other.call("sum", Int64(2)) as Int64 == 3)
                try other.restore(snapshot)
                #expect(throws: DebugError.self) { try session.write([0x90], at: 0x4000_0000) }
            }
            let sum = try DebugSession(sandbox, handler: breaker).call("sum", arguments: [.int64(2)])
            #expect(sum == AnyGuestValue.int64(3))
            #expect(breaker.failure == nil)
            try sandbox.restore(snapshot)
            #expect(try sandbox.call("sum", Int64(3)) as Int64 == 6)
            try sandbox.restore(snapshot)
        }
    }

    @Test func aGuestThatResetsItsRegistersIsRefused() throws {
        let sandbox = try Sandbox(
            guest: .file(Debuggee.c.path), configuration: SandboxConfiguration(registerReset: .byGuest(Residency())))
        #expect(throws: SandboxError.self) { try DebugSession(sandbox, handler: AtStart { _ in }) }
    }
}
