import GuestABI
import Palimpsest
import TestSupport
import Testing

@Suite("Text that a guest chose")
struct GuestTextTests {
    /// Character by character, as it is described.
    private func expected(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator, .format:
                result += "\\u{\(String(scalar.value, radix: 16))}"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    @Test("every character is as it was, or its number if it could forge a line or drive a terminal")
    func everyCharacter() {
        let wrong = (0...0x1_ffff as ClosedRange<UInt32>).compactMap(Unicode.Scalar.init).filter { scalar in
            let text = String(Character(scalar))
            return !GuestText.escaped(text).utf8.elementsEqual(expected(text).utf8)
        }
        #expect(wrong.isEmpty)
        let tag = "\u{e0001}\u{10ffff}"
        #expect(GuestText.escaped(tag) == expected(tag))
    }

    @Test("mixed text is escaped where it has to be, and nowhere else")
    func mixed() {
        var random = SplitMix(state: 4)
        let parts = ["plain", "\n", "\u{1b}[2J", "é", "日本", "\u{202e}", "\u{2028}", "\u{85}", "🙂", "\0", "\u{7f}", " "]
        for _ in 0..<500 {
            let text = (0..<Int.random(in: 0...12, using: &random))
                .map { _ in parts.randomElement(using: &random) ?? "" }.joined()
            #expect(GuestText.escaped(text) == expected(text))
        }
    }

    @Test("an excerpt has a length, however long a single character is")
    func excerpt() {
        let tall = "e" + String(repeating: "\u{301}", count: 10_000)
        #expect(tall.count == 1)
        #expect(GuestText.excerpt(tall, 64).unicodeScalars.count == 64)
        #expect(GuestText.excerpt("a\nb", 64) == "a\\u{a}b" && GuestText.excerpt("abc", 2) == "ab")
    }
}
