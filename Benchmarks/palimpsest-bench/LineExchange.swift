import Foundation
import Synchronization

/// The floor of a resident call: another thread sees a number in one cache line and writes it into another one, and
/// this thread sees that. Nothing two cores do for each other takes less.
final class LineExchange: Sendable {
    /// A number in a cache line of its own.
    private final class Line: Sendable {
        private let before: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0)
        let number = Atomic<UInt64>(0)
        private let after: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0)
    }

    private let request = Line()
    private let reply = Line()
    private static let stop = UInt64.max

    var operation: Operation {
        Operation(beginBlock: begin, endBlock: end) { self.roundTrip() }
    }

    /// Starts the other thread, which spins from here on. Resident guests of earlier blocks have parked by then.
    private func begin() {
        usleep(3_000)
        request.number.store(0, ordering: .relaxed)
        reply.number.store(0, ordering: .relaxed)
        Thread.detachNewThread { [request, reply] in LineExchange.echo(request, reply) }
        roundTrip()
    }

    private func end() {
        request.number.store(LineExchange.stop, ordering: .releasing)
        while reply.number.load(ordering: .acquiring) != LineExchange.stop {}
    }

    private static func echo(_ request: Line, _ reply: Line) {
        var last: UInt64 = 0
        while last != stop {
            let number = request.number.load(ordering: .acquiring)
            if number != last { reply.number.store(number, ordering: .releasing) }
            last = number
        }
    }

    private func roundTrip() {
        let number = request.number.load(ordering: .relaxed) + 1
        request.number.store(number, ordering: .releasing)
        while reply.number.load(ordering: .acquiring) != number {}
    }
}
