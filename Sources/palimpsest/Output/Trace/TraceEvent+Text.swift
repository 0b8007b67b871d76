import Palimpsest
import ToolSupport

/// A trace's event in words and in JSON. What guests chose of it is escaped.
extension TraceEvent {
    /// What kind it is, in a word or two.
    var title: String {
        switch kind {
        case .call: "call"
        case .batch: "batch"
        case .guest: "guest"
        case .pageFault: "page fault"
        case .hostCall: "host call"
        case .log: "log"
        case .rollback: "rollback"
        case .snapshot: "snapshot"
        }
    }

    /// All else there is to say about it.
    var text: String {
        switch kind {
        case .call(let function, let error): Terminal.escaped(function) + (error.map { ": \($0)" } ?? "")
        case .batch(let function, let count): "\(count) calls of \(Terminal.escaped(function))"
        case .guest(let exit): "until \(exit)"
        case .pageFault(let fault): fault.text
        case .hostCall(let name, let outcome): "\(Terminal.escaped(name)): \(outcome.rawValue)"
        case .log(let level, let text, let isLogged):
            "\(level): \(Terminal.escaped(text))" + (isLogged ? "" : " (not logged)")
        case .rollback(let report?):
            "\(report.strategy), \(TraceEvent.pages(report.pages)), \(report.newPages) of them new"
        case .rollback(nil): "failed"
        case .snapshot: ""
        }
    }

    /// The same for programs.
    var members: [(String, JSON)] {
        switch kind {
        case .call(let function, let error):
            [("function", .string(function)), ("error", error.map { .string($0) } ?? .null)]
        case .batch(let function, let count): [("function", .string(function)), ("count", .integer(count))]
        case .guest(let exit): [("exit", .string("\(exit)"))]
        case .pageFault(let fault): fault.members
        case .hostCall(let name, let outcome): [("name", .string(name)), ("outcome", .string(outcome.rawValue))]
        case .log(let level, let text, let isLogged):
            [("level", .string("\(level)")), ("text", .string(text)), ("isLogged", .bool(isLogged))]
        case .rollback(let report?):
            [
                ("strategy", .string("\(report.strategy)")), ("pages", .integer(report.pages)),
                ("newPages", .integer(report.newPages)), ("isFull", .bool(report.isFull)),
            ]
        case .rollback(nil): [("strategy", .null)]
        case .snapshot: []
        }
    }

    var json: JSON {
        .object([("start", .unsigned(start)), ("duration", .unsigned(duration)), ("event", .string(title))] + members)
    }

    fileprivate static func pages(_ count: Int) -> String { count == 1 ? "1 page" : "\(count) pages" }
}

extension TracePageFault {
    fileprivate var text: String {
        var text = "\(access.rawValue) \(region ?? "nothing") \(Quantity.hex(address)): \(cause.rawValue)"
        if pagesCopied > 0 { text += ", \(TraceEvent.pages(pagesCopied)) copied" }
        if let symbol { text += ", in \(Terminal.escaped(symbol))" }
        return text
    }

    fileprivate var members: [(String, JSON)] {
        [
            ("address", .string(Quantity.hex(address))), ("page", .string(Quantity.hex(page))),
            ("access", .string(access.rawValue)), ("cause", .string(cause.rawValue)),
            ("region", region.map { .string($0) } ?? .null), ("pagesCopied", .integer(pagesCopied)),
            ("instruction", .string(Quantity.hex(instruction))), ("symbol", symbol.map { .string($0) } ?? .null),
        ]
    }
}
