import Palimpsest
import ToolSupport

/// A trace for ui.perfetto.dev and chrome://tracing: the JSON object format of "Trace Event Format" (Google, 2016),
/// every event a complete one ("ph": .string("X")), times in microseconds.
struct PerfettoTrace {
    let trace: CallTrace
    /// What the trace is of: becomes the process's name.
    let title: String

    var json: JSON {
        let names = [metadata("process_name", title), metadata("thread_name", "sandbox")]
        return [
            "displayTimeUnit": .string("ns"), "traceEvents": .array(names + trace.events.map(event)),
            "otherData": ["lostEvents": .unsigned(trace.lostEventCount)],
        ]
    }

    private func event(_ event: TraceEvent) -> JSON {
        [
            "name": .string(name(of: event)), "cat": .string(event.title), "ph": .string("X"),
            "ts": .number(microseconds(event.start)), "dur": .number(microseconds(event.duration)), "pid": .integer(1),
            "tid": .integer(1),
            "args": .object(event.members),
        ]
    }

    private func name(of event: TraceEvent) -> String {
        switch event.kind {
        case .call(let function, _), .batch(let function, _): function
        case .pageFault(let fault): fault.cause.rawValue
        case .hostCall(let name, _): name
        default: event.title
        }
    }

    private func metadata(_ name: String, _ value: String) -> JSON {
        [
            "name": .string(name), "ph": .string("M"), "pid": .integer(1), "tid": .integer(1),
            "args": ["name": .string(value)],
        ]
    }

    private func microseconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1_000 }
}
