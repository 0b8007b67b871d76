/// Changes JSON where it stays JSON: another number, another character of a string, a field that is there twice, or
/// not.
enum JSONMutator {
    private static let values = [
        "null", "true", "\"\"", "[]", "{}", "-1", "0", "1e300", "0.5", "\"0xffffffffffffffff\"", "\"0x7ffffffff000\"",
        "\"../../x\"", "\"a\\u001b\\n\\u202eb\"", "[[[[]]]]",
    ]

    /// - Parameter input: its first byte is no part of it.
    static func mutate(_ input: inout [UInt8], _ random: inout SplitMix) -> Bool {
        let tokens = tokens(input)
        guard let token = tokens.randomElement(using: &random) else { return false }
        let isNumber = (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(input[token.lowerBound])
        let new: [UInt8]
        switch Int.random(in: 0..<8, using: &random) {
        case 0, 1: new = Array((values.randomElement(using: &random) ?? "").utf8)
        case 2: new = []
        case 3: new = [UInt8](input[tokens.randomElement(using: &random) ?? token])
        case 4: new = input[token] + [UInt8(ascii: ",")] + input[token]
        case 5...7 where !isNumber:
            var text = [UInt8](input[token])
            guard text.count > 2 else { return false }
            text[Int.random(in: 1..<text.count - 1, using: &random)] = UInt8.random(in: 0x20...0x7e, using: &random)
            new = text
        default:
            let number = Boundary.value(&random)
            new = Array((Bool.random(using: &random) ? "\(number)" : "\(Int64(bitPattern: number))").utf8)
        }
        input.replaceSubrange(token, with: new)
        return true
    }

    /// Strings and numbers.
    private static func tokens(_ input: [UInt8]) -> [Range<Int>] {
        var found: [Range<Int>] = []
        var index = 1
        while index < input.count {
            let start = index
            if input[index] == UInt8(ascii: "\"") {
                index += 1
                while index < input.count, input[index] != UInt8(ascii: "\"") { index += 1 }
                index = min(index + 1, input.count)
            } else {
                while index < input.count, isDigit(input[index]) { index += 1 }
                if index == start {
                    index += 1
                    continue
                }
            }
            found.append(start..<index)
        }
        return found
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
