import Palimpsest
import Testing
import ToolSupport

@testable import PalimpsestServe

@Suite("Arguments and results")
struct ArgumentTests {
    private func decode(_ text: String, _ types: GuestValueType...) throws -> [AnyGuestValue] {
        try CallArguments.decode(
            try JSONReader.read(Array(text.utf8)), as: GuestSignature(result: .void, arguments: types))
    }

    @Test(
        "values at the edge of their type come in and go out again",
        arguments: [
            (GuestValueType.bool, "true", AnyGuestValue.bool(true)),
            (.int8, "-128", .int8(-128)), (.int8, "127", .int8(127)), (.uint8, "255", .uint8(255)),
            (.int16, "-32768", .int16(-32768)), (.uint16, "65535", .uint16(65535)),
            (.int32, "-2147483648", .int32(.min)), (.uint32, "4294967295", .uint32(.max)),
            (.int64, "-9223372036854775808", .int64(.min)), (.int64, "9223372036854775807", .int64(.max)),
            (.uint64, "18446744073709551615", .uint64(.max)),
            (.int64, "9007199254740993", .int64(9_007_199_254_740_993)),
            (.double, "0.1", .double(0.1)), (.double, "5e-324", .double(.leastNonzeroMagnitude)),
            (.double, "1.7976931348623157e+308", .double(.greatestFiniteMagnitude)),
            (.double, "-0.0", .double(-0.0)), (.float, "0.1", .float(0.1)),
            (.float, "3.4028235e+38", .float(.greatestFiniteMagnitude)),
            (.double, "\"Infinity\"", .double(.infinity)), (.double, "\"-Infinity\"", .double(-.infinity)),
            (.float, "\"-Infinity\"", .float(-.infinity)),
            (.string, "\"grüße\\n\"", .string("grüße\n")), (.string, "\"\"", .string("")),
            (.bytes, "\"AP8Q\"", .bytes([0, 255, 16])), (.bytes, "\"\"", .bytes([])),
            (.bytes, "\"/w==\"", .bytes([255])),
        ])
    func roundTrip(type: GuestValueType, text: String, value: AnyGuestValue) throws {
        #expect(try decode("[\(text)]", type) == [value])
        #expect(CallResult.json(value).compact == text)
    }

    @Test("NaN comes in and goes out, integers are doubles, nothing is null")
    func special() throws {
        guard case .double(let value) = try decode("[\"NaN\"]", .double)[0] else {
            throw JSONError(offset: 0, expected: "", found: "")
        }
        #expect(value.isNaN)
        #expect(CallResult.json(.double(.nan)).compact == "\"NaN\"")
        #expect(try decode("[7]", .double) == [.double(7)])
        #expect(CallResult.json(.double(7)).compact == "7.0")
        #expect(CallResult.json(.void).compact == "null")
        #expect(try decode("[]") == [])
        #expect(try decode("[1,\"a\",false]", .int8, .string, .bool) == [.int8(1), .string("a"), .bool(false)])
    }

    @Test(
        "what is out of range is said to be, whatever it looks like",
        arguments: [
            (GuestValueType.int8, "128"), (.int8, "-129"), (.uint8, "-1"), (.uint8, "256"), (.int16, "32768"),
            (.uint16, "65536"), (.int32, "2147483648"), (.uint32, "-1"), (.int64, "9223372036854775808"),
            (.uint64, "18446744073709551616"), (.uint64, "99999999999999999999999999"), (.double, "1e309"),
            (.float, "3.5e38"), (.double, "-1e999"),
        ])
    func outOfRange(type: GuestValueType, text: String) {
        #expect {
            try decode("[\(text)]", type)
        } throws: {
            guard case ArgumentError.outOfRange(1, type, _) = $0 else { return false }
            return true
        }
    }

    @Test(
        "what is of another type is said to be",
        arguments: [
            (GuestValueType.int64, "1.0"), (.int64, "1e3"), (.int64, "\"1\""), (.int64, "true"), (.int64, "null"),
            (.int64, "[1]"), (.int64, "{}"), (.bool, "1"), (.bool, "\"true\""), (.string, "1"), (.string, "null"),
            (.bytes, "[1,2]"), (.bytes, "\"AP8\""), (.bytes, "\"AP8=x\""), (.bytes, "\"AP9=\""), (.bytes, "\"A===\""),
            (.bytes, "\"AP8-\""), (.bytes, "\"AP 8\""), (.double, "\"inf\""), (.double, "\"1\""), (.double, "null"),
        ])
    func wrongType(type: GuestValueType, text: String) {
        #expect {
            try decode("[\(text)]", type)
        } throws: {
            guard case ArgumentError.wrongType(1, type, _) = $0 else { return false }
            return true
        }
    }

    @Test("too many, too few, and no array")
    func shape() {
        #expect(throws: ArgumentError.wrongCount(expected: 1, found: 0)) { try decode("[]", .int8) }
        #expect(throws: ArgumentError.wrongCount(expected: 0, found: 2)) { try decode("[1,2]") }
        #expect(throws: ArgumentError.notAnArray(found: "an object")) { try decode("{}") }
        #expect(throws: ArgumentError.notAnArray(found: "the number 1")) { try decode("1", .int8) }
    }

    @Test("messages have an excerpt of what was found, never all of it")
    func excerpt() {
        let long = String(repeating: "ä", count: 100_000)
        #expect(JSONValue.string(long).excerpt.utf8.count < 100)
        // One character for Swift.
        let marked = "a" + String(repeating: "\u{301}", count: 1_000_000)
        #expect(JSONValue.string(marked).excerpt.utf8.count < 100)
        #expect(JSONValue.number(String(repeating: "1", count: 1_000)).excerpt.utf8.count < 100)
    }

    @Test("base64 of every length comes back as it was")
    func base64() {
        for count in 0..<200 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255) }
            let text = Base64.text(bytes)
            #expect(text.utf8.count == (count + 2) / 3 * 4)
            #expect(Base64.bytes(text) == bytes)
        }
        #expect(Base64.text(Array("foobar".utf8)) == "Zm9vYmFy")
        #expect(Base64.text(Array("foob".utf8)) == "Zm9vYg==")
    }
}
