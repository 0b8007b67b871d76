// Everything the Swift overlay offers.

@c func add(_ left: Int64, _ right: Int64) -> Int64 { left + right }

export("add", add)
export("greet") { (name: String) -> String in "Grüß Gott, \(name)!" }
export("reversed") { (bytes: [UInt8]) -> [UInt8] in bytes.reversed() }
export("nothing") { () -> Void in }
export("twelve") {
    (
        a: Int8, b: Double, c: String, d: Float, e: Int64, f: [UInt8], g: UInt32, h: Double, i: Int16, j: String,
        k: Bool,
        l: Int64
    ) -> Double in
    var sum = Double(a) + b * 2 + Double(c.utf8.count) * 4 + Double(d) * 8
    sum += Double(e) * 16 + Double(f.count) * 32 + Double(g) * 64 + h * 128
    sum += Double(i) * 256 + Double(j.utf8.count) * 512 + (k ? 1024 : 0) + Double(l) * 2048
    return sum + Double(j.utf8.first!) + Double(f[0])
}
export("divide") { (dividend: Int64, divisor: Int64) throws(GuestError) -> Int64 in
    guard divisor != 0 else { throw GuestError("division by zero", code: 33) }
    return dividend / divisor
}
export("viaHost") { (name: String, count: Int) throws(HostError) -> String in
    try callHost("repeated", name, count)
}
export("handlesHostError") { () -> String in
    do throws(HostError) {
        let text: String = try callHost("missing")
        return text
    } catch {
        return "\(error.reason.rawValue): \(error.message)"
    }
}
export("prints") { (line: String) -> Void in print(line) }
export("printsPart") { (text: String) -> Void in print(text, terminator: "") }
export("logs") { (level: UInt32, text: String) -> Void in log(LogLevel(rawValue: level) ?? .critical, text) }
export("random") { () -> UInt64 in UInt64.random(in: .min ... .max) }
export("traps") { (index: Int) -> Int in [1, 2, 3][index] }

nonisolated(unsafe) var words: [String: Int] = [:]
export("countWord") { (word: String) -> Int in
    words[word, default: 0] += 1
    return words[word]!
}
