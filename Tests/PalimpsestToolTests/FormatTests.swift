import ArgumentParser
import Foundation
import Testing
import ToolSupport

@testable import PalimpsestTool

@Suite("What the tool reads and prints")
struct FormatTests {
    @Test(
        "times need a unit",
        arguments: [
            ("500ms", Duration.milliseconds(500)), ("1.5s", .milliseconds(1_500)), ("250us", .microseconds(250)),
            ("250µs", .microseconds(250)), ("10ns", .nanoseconds(10)), ("2min", .seconds(120)), ("1e3ms", .seconds(1)),
        ])
    func times(text: String, duration: Duration) throws {
        #expect(try TimeLimit.parse(text) == duration)
    }

    @Test("other times are refused", arguments: ["", "5", "s", "0s", "-1s", "nans", "infs", "1e300s", "5 parsecs"])
    func badTimes(text: String) {
        #expect(throws: ValidationError.self) { try TimeLimit.parse(text) }
    }

    @Test(
        "calls in one word",
        arguments: [
            ("add 1 2", ["1", "2"]), ("  f  ", []), (#"f "wide world" ''"#, ["wide world", ""]),
            (#"f 'say "hi"' a"b c"d"#, [#"say "hi""#, "ab cd"]),
        ])
    func calls(text: String, words: [String]) throws { #expect(try GuestCall(text).words == words) }

    @Test("other calls are refused", arguments: ["", "  ", "f 'open", "f \""])
    func badCalls(text: String) {
        #expect(throws: ToolError.self) { try GuestCall(text) }
    }

    @Test("sizes", arguments: [("4096", 4_096), ("64KiB", 65_536), ("64MiB", 67_108_864), ("2GiB", 2_147_483_648)])
    func sizes(text: String, byteCount: Int) throws {
        #expect(try ByteCount.parse(text) == byteCount)
    }

    @Test("other sizes are refused", arguments: ["", "1k", "1.5MiB", "-1", "9999999999999GiB", "MiB"])
    func badSizes(text: String) {
        #expect(throws: ValidationError.self) { try ByteCount.parse(text) }
    }

    @Test(
        "times print with three digits",
        arguments: [
            (0, "0 ns"), (999, "999 ns"), (1_000, "1.00 µs"), (38_140, "38.1 µs"), (99_960, "100 µs"),
            (1_520_000, "1.52 ms"), (412_300_000, "412 ms"), (2_300_000_000, "2.30 s"), (61_000_000_000, "61.0 s"),
        ] as [(Int64, String)])
    func printedTimes(nanoseconds: Int64, text: String) {
        #expect(Quantity.time(nanoseconds) == text)
    }

    @Test("percentiles are samples, by nearest rank")
    func percentiles() {
        var times = CallTimes(capacity: 100)
        for sample in (1...100).reversed() { times.add(Int64(sample)) }
        #expect(times.summary == (1, 50, 99, 100))
        #expect(times.last == 1)
        #expect(CallTimes(capacity: 0).summary == (0, 0, 0, 0))
    }

    @Test("JSON reads back as what was written")
    func json() throws {
        let value: JSON = [
            "text": .string("\"\\/\n\r\t\u{0}\u{1b}\u{7f}é🙂"), "big": .unsigned(.max), "small": .integer(Int64.min),
            "half": .number(0.5), "infinite": .number(-.infinity), "no": .null, "yes": .bool(true),
            "list": .array([.integer(1), .integer(2)]), "empty": .array([]), "nothing": .object([]),
            "nested": .array([["a": .integer(1)], ["b": .array([])]]),
        ]
        let read = try #require(
            try JSONSerialization.jsonObject(with: Data(value.description.utf8)) as? [String: Any])
        #expect(read["text"] as? String == "\"\\/\n\r\t\u{0}\u{1b}\u{7f}é🙂")
        #expect(read["big"] as? UInt64 == .max)
        #expect(read["small"] as? Int64 == .min)
        #expect(read["half"] as? Double == 0.5)
        #expect(read["infinite"] as? String == "-inf")
        #expect(read["list"] as? [Int] == [1, 2])
        #expect((read["nested"] as? [[String: Any]])?.count == 2)
        #expect((read["nothing"] as? [String: Any])?.isEmpty == true)
    }

    @Test("every character of a JSON string reads back as what it was, and none is a control character")
    func jsonCharacters() throws {
        let text = String(String.UnicodeScalarView((0...0x2fff as ClosedRange<UInt32>).compactMap(Unicode.Scalar.init)))
        let written = JSON.array([.string(text), .string("\u{80}\u{9f}\u{a0}\u{bf}")]).compact
        let isPlain = written.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) }
        #expect(isPlain && written.hasSuffix(#","\u0080\u009f\#u{a0}\#u{bf}"]"#))
        #expect(written.hasPrefix(#"["\u0000\u0001"#))
        let read = try #require(try JSONSerialization.jsonObject(with: Data(written.utf8)) as? [String])
        #expect(read[0].unicodeScalars.elementsEqual(text.unicodeScalars))
    }

    @Test("tables have no spaces at the ends of lines")
    func table() {
        var table = Table([("name", .left), ("count", .right), ("note", .left)])
        table.add("a", "1", "first")
        table.add("longer", "10", "")
        table.add("group", "", "")
        #expect(
            table.render(indentation: 0) == """
                name    count  note
                a           1  first
                longer     10
                group
                """)
    }

    @Test("what a guest says cannot drive the terminal")
    func escapes() {
        #expect(Terminal.escaped("a\u{1b}[2J\u{202e}b\n") == "a\\u{1b}[2J\\u{202e}b\\u{a}")
    }
}
