import CPalimpsest
import GuestABI
import MicroVM

/// A ring of the newest events. All its room is taken at the start; when it is full, each event takes the place of the
/// oldest, which is counted as lost.
struct TraceRecorder {
    private let startTime = pal_monotonic_nanoseconds()
    private let capacity: Int
    private var events: [TraceEvent] = []
    private var next = 0
    private var lostEventCount: UInt64 = 0

    init(capacity: Int) {
        self.capacity = capacity
        events.reserveCapacity(capacity)
    }

    /// - Parameters:
    ///   - start: when it began, in nanoseconds of the monotonic clock.
    ///   - end: when it ended.
    mutating func record(_ kind: TraceEvent.Kind, from start: UInt64, to end: UInt64) {
        // What began before tracing did began with it.
        let start = max(start, startTime)
        let event = TraceEvent(start: start - startTime, duration: max(end, start) - start, kind: kind)
        if events.count < capacity {
            events.append(event)
        } else {
            events[next] = event
            next = (next + 1) % capacity
            lostEventCount &+= 1
        }
    }

    /// What has been recorded. Functions get their names only now, all at once: a look-up goes through everything that
    /// the guest's file has of symbols, and a guest has its page faults in as many places as it likes.
    func trace(_ symbols: SymbolTable) -> CallTrace {
        let names = symbols.symbols(at: Set(events.compactMap(\.pageFault?.place)))
        let named = events.map { event in
            guard var fault = event.pageFault else { return event }
            fault.symbol = names[fault.place]?.description
            return TraceEvent(start: event.start, duration: event.duration, kind: .pageFault(fault))
        }
        return CallTrace(events: named, lostEventCount: lostEventCount)
    }
}

extension TraceEvent {
    fileprivate var pageFault: TracePageFault? {
        if case .pageFault(let fault) = kind { fault } else { nil }
    }
}

extension TracePageFault {
    /// Where the guest was.
    fileprivate var place: GuestVirtualAddress { GuestVirtualAddress(rawValue: instruction) }
}
