import Glibc

/// What has to hold. A failure ends the process: libFuzzer then keeps the input.
enum Check {
    static func holds(_ condition: Bool, _ what: @autoclosure () -> String) {
        if !condition { fatalError("does not hold: \(what())") }
    }

    /// Text for a person has no control characters, nor others that move a terminal's cursor, and is not endless.
    static func text(_ text: String, _ what: String, hasLines: Bool = false, limit: Int = 16 << 10) {
        holds(text.utf8.count <= limit, "\(what) has \(text.utf8.count) bytes")
        for scalar in text.unicodeScalars where !(0x20..<0x7f).contains(scalar.value) {
            switch scalar.properties.generalCategory {
            case .control, .lineSeparator, .paragraphSeparator, .format, .surrogate:
                holds(hasLines && scalar == "\n", "\(what) has U+\(String(scalar.value, radix: 16))")
            default: break
            }
        }
    }

    /// Entries of a folder of /proc/self: descriptors (`fd`), threads (`task`).
    static func count(of folder: String) -> Int {
        guard let directory = opendir("/proc/self/\(folder)") else { return 0 }
        defer { closedir(directory) }
        var count = 0
        while readdir(directory) != nil { count += 1 }
        return count
    }
}
