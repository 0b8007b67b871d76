import Testing

@testable import PalimpsestServe

@Suite("JSON that comes in")
struct JSONReaderTests {
    @Test(
        "every kind of value is read, numbers with all their digits",
        arguments: [
            (" [ ] ", JSONValue.array([])),
            ("[null,true,false]", .array([.null, .bool(true), .bool(false)])),
            ("[18446744073709551615]", .array([.number("18446744073709551615")])),
            ("[-0,1.50,2e+03,3E-1]", .array([.number("-0"), .number("1.50"), .number("2e+03"), .number("3E-1")])),
            (#"["a","","grüße"]"#, .array([.string("a"), .string(""), .string("grüße")])),
            (#"["\"\\\/\b\f\n\r\t"]"#, .array([.string("\"\\/\u{8}\u{c}\n\r\t")])),
            (#"["x\u00e9\u0000\uD83D\uDE00y"]"#, .array([.string("xé\0😀y")])),
            ("[\t{\"a\" : [1, {}] , \"b\":null}\r\n]", .array([.object])),
            ("\"text\"", .string("text")),
            ("7", .number("7")),
        ])
    func values(text: String, value: JSONValue) throws {
        #expect(try JSONReader.read(Array(text.utf8)) == value)
    }

    @Test(
        "what is not JSON is refused, at its first wrong byte",
        arguments: [
            ("", 0), ("[1,2", 4), ("[1,]", 3), ("[1 2]", 3), ("[1]]", 3), ("[01]", 2), ("[1.]", 3), ("[.5]", 1),
            ("[+1]", 1), ("[-]", 2), ("[1e]", 3), ("[0x10]", 2), ("[NaN]", 1), ("[tru]", 1), ("[nulL]", 1),
            ("['a']", 1),
            ("[\"a]", 4), ("[\"\n\"]", 2), (#"["\x"]"#, 3), (#"["\u12g4"]"#, 6), (#"["\ud800"]"#, 4),
            (#"["\ud800\u0041"]"#, 4), (#"["\udc00"]"#, 4), ("{\"a\" 1}", 5), ("{a:1}", 1), ("{\"a\":1,}", 7),
            ("[1]\0", 3), ("\u{feff}[1]", 0), ("[1]//", 3),
        ])
    func malformed(text: String, offset: Int) {
        #expect {
            try JSONReader.read(Array(text.utf8))
        } throws: { ($0 as? JSONError)?.offset == offset }
    }

    @Test(
        "bytes that are not UTF-8 are refused", arguments: [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0xf5]])
    func invalidUTF8(bytes: [UInt8]) {
        let quote = UInt8(ascii: "\"")
        #expect(throws: JSONError.self) { try JSONReader.read([quote] + bytes + [quote]) }
        #expect(throws: JSONError.self) { try JSONReader.read([quote, 0x5c, 0x6e] + bytes + [quote]) }
    }

    @Test("depth, values and digits have limits, exactly")
    func limits() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
        }
        #expect(throws: Never.self) { try JSONReader.read(nested(JSONReader.depthLimit)) }
        #expect(throws: JSONError.self) { try JSONReader.read(nested(JSONReader.depthLimit + 1)) }
        #expect(throws: JSONError.self) { try JSONReader.read(nested(1_000_000)) }
        #expect(throws: JSONError.self) {
            try JSONReader.read(Array(String(repeating: "{\"a\":", count: 1_000_000).utf8))
        }
        func list(_ count: Int) -> [UInt8] {
            Array(("[" + Array(repeating: "0", count: count).joined(separator: ",") + "]").utf8)
        }
        // The array is a value, too.
        #expect(throws: Never.self) { try JSONReader.read(list(JSONReader.valueLimit - 1)) }
        #expect(throws: JSONError.self) { try JSONReader.read(list(JSONReader.valueLimit)) }
        func digits(_ count: Int) -> [UInt8] { Array(String(repeating: "9", count: count).utf8) }
        #expect(throws: Never.self) { try JSONReader.read(digits(JSONReader.numberLimit)) }
        #expect(throws: JSONError.self) { try JSONReader.read(digits(JSONReader.numberLimit + 1)) }
    }

    @Test("random bytes and random changes never do more than fail")
    func fuzz() {
        var generator = SystemRandomNumberGenerator()
        let seed = Array(#"[1,-2.5e3,"a\u00e9\n",true,null,{"k":[[]]}]"#.utf8)
        for _ in 0..<20_000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                let index = Int.random(in: 0..<bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[index] = .random(in: 0...255, using: &generator)
                case 1: bytes.remove(at: index)
                default: bytes.insert(.random(in: 0...255, using: &generator), at: index)
                }
            }
            _ = try? JSONReader.read(bytes)
        }
    }
}
