import ToolSupport

/// One thing the demo did, and what came of it.
struct DemoStep {
    let section: String
    let title: String
    let result: String
    /// Why the result is not as expected; nil if it is.
    let complaint: String?
    let nanoseconds: Int64

    var hasPassed: Bool { complaint == nil }

    /// A line of the table the demo prints as it goes.
    var line: String {
        let mark = hasPassed ? Terminal.Style.green.apply(to: "ok  ") : Terminal.Style.red.apply(to: "FAIL")
        let text = complaint.map { "\(result) (\($0))" } ?? result
        return "  \(mark)  \(title.padded(to: 34))  "
            + "\(Quantity.time(nanoseconds).padded(to: 8, alignment: .right))  \(Terminal.escaped(text))"
    }

    var json: JSON {
        [
            "section": .string(section), "step": .string(title), "result": .string(result),
            "passed": .bool(hasPassed), "complaint": complaint.map { .string($0) } ?? .null,
            "nanoseconds": .integer(nanoseconds),
        ]
    }
}
