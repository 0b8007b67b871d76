import Palimpsest
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

    @Test func aGuestThatResetsItsRegistersIsRefused() throws {
        let sandbox = try Sandbox(
            guest: .file(Debuggee.c.path), configuration: SandboxConfiguration(registerReset: .byGuest(Residency())))
        #expect(throws: SandboxError.self) { try DebugSession(sandbox, handler: AtStart { _ in }) }
    }
}
