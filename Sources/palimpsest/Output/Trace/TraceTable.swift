import Palimpsest
import ToolSupport

/// A trace for people: a line an event, indented by what it happened in. Times are since the first one.
struct TraceTable: CustomStringConvertible {
    let trace: CallTrace

    var description: String {
        var table = Table([("time", .right), ("took", .right), ("event", .left), ("", .left)])
        let origin = trace.events.first?.start ?? 0
        /// When those that the next event may be part of end.
        var ends: [UInt64] = []
        for event in trace.events {
            while let end = ends.last, end <= event.start { ends.removeLast() }
            let margin = String(repeating: "  ", count: ends.count)
            table.add(
                .init(Quantity.time(Int64(clamping: event.start &- origin))),
                .init(Quantity.time(Int64(clamping: event.duration))),
                .init(margin + event.title, style(of: event)), .init(event.text, style(of: event)))
            ends.append(event.start &+ event.duration)
        }
        let lost = trace.lostEventCount
        return table.render() + (lost > 0 ? "\n  \(lost) earlier events are lost: --events keeps more." : "")
    }

    private func style(of event: TraceEvent) -> Terminal.Style {
        switch event.kind {
        case .call(_, .some), .rollback(nil): .red
        case .pageFault(let fault) where fault.cause == .refused: .red
        case .call: .bold
        default: .plain
        }
    }
}
