import Foundation
import Testing

@Suite("palimpsest trace")
struct TraceCommandTests {
    private func trace(_ arguments: String...) throws -> Tool.Outcome {
        try Tool.run(["trace", try TestGuest.shared.get().path] + arguments)
    }

    private func events(_ outcome: Tool.Outcome) throws -> [[String: Any]] {
        try #require(try outcome.json()["events"] as? [[String: Any]])
    }

    @Test("as text, a table: time, duration, event, indented by what it is part of")
    func text() throws {
        let outcome = try trace("count", "--calls", "2")
        #expect(outcome.status == 0, "\(outcome.errors)")
        let lines = outcome.output.split(separator: "\n").map(String.init)
        #expect(lines[0].split(separator: " ") == ["time", "took", "event"])
        let time = "[0-9.]+ (ns|µs|ms|s) +[0-9.]+ (ns|µs|ms|s)"
        func count(_ pattern: String) throws -> Int {
            let expression = try Regex("^ +\(time)  \(pattern)$")
            return lines.count { $0.firstMatch(of: expression) != nil }
        }
        #expect(try count("call +count") == 2)
        #expect(try count("  guest +until page fault") >= 1)
        #expect(
            try count(
                "  page fault +write bss 0x[0-9a-f]+: copy-on-write, [0-9]+ pages? copied, in count\\+0x[0-9a-f]+")
                == 1)
        #expect(try count("  guest +until return") == 2)
        #expect(try count("rollback +copy, [0-9]+ pages, [0-9]+ of them new") == 2)
        // The second call is warm.
        let second = try #require(lines.lastIndex { $0.contains("call") })
        #expect(!lines[second...].contains { $0.contains("page fault") })
    }

    @Test("--json has every event with its times, the result, and what was lost")
    func json() throws {
        let outcome = try trace("subtract", "50", "8", "--json", "--strategy", "replace")
        let object = try outcome.json()
        #expect(object["function"] as? String == "subtract")
        #expect(object["signature"] as? String == "(Int64, Int64) -> Int64")
        #expect(object["result"] as? Int == 42)
        #expect(object["lostEvents"] as? Int == 0)
        let events = try events(outcome)
        #expect(events.first?["event"] as? String == "call")
        #expect(events.first?["error"] is NSNull)
        #expect(events.allSatisfy { $0["start"] is Int && $0["duration"] is Int })
        #expect(events.map { $0["start"] as? Int ?? 0 } == events.map { $0["start"] as? Int ?? 0 }.sorted())
        #expect(events.last?["event"] as? String == "rollback")
        #expect(events.last?["strategy"] as? String == "replace")
        #expect(events.contains { $0["exit"] as? String == "return" })
    }

    @Test("--perfetto writes complete events in microseconds, each within what it is part of")
    func perfetto() throws {
        let scratch = try Scratch()
        let file = scratch.url.appendingPathComponent("trace.json")
        let outcome = try trace("say", "hello\u{1b}[2J", "--perfetto", file.path)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let object = try #require(
            try JSONSerialization.jsonObject(with: try Data(contentsOf: file)) as? [String: Any])
        let events = try #require(object["traceEvents"] as? [[String: Any]])
        let names = events.filter { $0["ph"] as? String == "M" }.compactMap { $0["name"] as? String }
        #expect(names == ["process_name", "thread_name"])
        let spans = events.filter { $0["ph"] as? String == "X" }
        #expect(spans.count == events.count - 2)
        for span in spans {
            #expect(span["name"] is String && span["cat"] is String && span["args"] is [String: Any])
            #expect(span["ts"] is Double && span["dur"] is Double && span["pid"] is Int && span["tid"] is Int)
        }
        let call = try #require(spans.first { $0["cat"] as? String == "call" })
        #expect(call["name"] as? String == "say")
        let log = try #require(spans.first { $0["cat"] as? String == "log" })
        #expect((log["args"] as? [String: Any])?["text"] as? String == "hello\\u{1b}[2J")
        func time(_ span: [String: Any], _ key: String) -> Double { span[key] as? Double ?? 0 }
        #expect(time(call, "ts") <= time(log, "ts"))
        #expect(time(log, "ts") + time(log, "dur") <= time(call, "ts") + time(call, "dur"))
    }

    @Test(
        "a call that fails is traced all the same, and exits as a call does",
        arguments: [
            (["crash"], "fault", "page fault"), (["spin", "--timeout", "30ms"], "deadlineExceeded", "interrupt"),
            (["fail"], "guestError", "return"), (["askHost", "why"], "unknownHostFunction", "host call"),
        ])
    func failures(words: [String], kind: String, exit: String) throws {
        let guest = try TestGuest.shared.get().path
        let outcome = try Tool.run(["trace", guest, "--json"] + words)
        #expect(outcome.status == 1)
        #expect(try outcome.errorKind() == kind)
        let events = try events(outcome)
        #expect(events.first?["error"] as? String == kind)
        #expect(events.contains { $0["exit"] as? String == exit })
        #expect(events.last?["event"] as? String == "rollback")
        if kind == "unknownHostFunction" {
            let call = try #require(events.first { $0["event"] as? String == "host call" })
            #expect(call["name"] as? String == "ask" && call["outcome"] as? String == "unknown")
        }
        let text = try Tool.run(["trace", guest] + words)
        #expect(text.status == 1)
        #expect(text.output.contains("\(words[0]): \(kind)"))
        #expect(text.errors.contains("palimpsest: error: "))
    }

    @Test("--events keeps the newest, and says how many are lost")
    func bounded() throws {
        let outcome = try trace("count", "--calls", "20", "--events", "5", "--json")
        #expect(try events(outcome).count == 5)
        #expect(try outcome.json()["lostEvents"] as? Int ?? 0 >= 55)
        #expect(try trace("count", "--calls", "20", "--events", "5").output.contains("earlier events are lost"))
    }

    @Test("a snapshot in a store is traced as a file is")
    func snapshot() throws {
        let scratch = try Scratch()
        let store = scratch.url.appendingPathComponent("store").path + ":guest"
        #expect(try Tool.run("snapshot", "save", try TestGuest.shared.get().path, store).status == 0)
        let outcome = try Tool.run("trace", store, "count", "--json")
        #expect(try outcome.json()["result"] as? Int == 1)
    }

    @Test(
        "wrong arguments exit with 64",
        arguments: [
            ["count", "--calls", "0"], ["count", "--calls", "1000001"], ["count", "--events", "0"],
            ["count", "--events", "1048577"], ["nothing"], ["subtract", "1"], ["count", "--strategy", "fast"],
        ])
    func wrongArguments(words: [String]) throws {
        #expect(try Tool.run(["trace", try TestGuest.shared.get().path] + words).status == 64)
    }

    @Test(
        "a file that cannot be written exits with 66, on a full disk too",
        arguments: ["/nowhere/trace.json", "/dev/full"])
    func unwritable(path: String) throws {
        let outcome = try trace("count", "--perfetto", path, "--json")
        #expect(outcome.status == 66)
        #expect(try outcome.errorKind() == "fileUnwritable")
    }
}
