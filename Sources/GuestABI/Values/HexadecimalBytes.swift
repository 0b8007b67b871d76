import MicroVM

/// Bytes as digits, two each.
package enum HexadecimalBytes {
    private static let digits = Array("0123456789abcdef".utf8)

    package static func text(_ bytes: [UInt8]) -> String {
        // Results may be megabytes.
        let count = 2 * bytes.count
        return String(unsafeUninitializedCapacity: count) { buffer in
            for (index, byte) in bytes.enumerated() {
                buffer[2 * index] = digits[Int(byte >> 4)]
                buffer[2 * index + 1] = digits[Int(byte & 15)]
            }
            return count
        }
    }

    package static func parse(_ text: String) -> [UInt8]? {
        let digits = text.hasPrefix("0x") ? text.dropFirst(2) : text[...]
        let values = digits.map(\.hexDigitValue)
        guard values.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: values.count, by: 2) {
            guard let high = values[index], let low = values[index + 1] else { return nil }
            bytes.append(UInt8(high << 4 | low))
        }
        return bytes
    }
}
