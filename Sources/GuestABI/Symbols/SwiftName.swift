import MicroVM

/// What a mangled Swift name names, without types: `Guest.Parser.header` for `$e5Guest6ParserV6headeryySiF`
/// (Swift ABI, "Mangling").
///
/// The runtime's own demangler is not for names that an untrusted guest chose. This one reads the names a symbol begins
/// with, and nothing behind them.
enum SwiftName {
    private static let prefixes = ["$s", "$e"]  // Swift, and Embedded Swift.
    /// Kinds of types: the next name is in one of them.
    private static let typeKinds = Array("VCOP".utf8)

    /// Nil if it is no Swift name, or one that is put together of parts of others.
    static func readable(_ symbol: String) -> String? {
        guard prefixes.contains(where: symbol.hasPrefix) else { return nil }
        var rest = Substring(symbol.dropFirst(2)).utf8
        var names: [String] = []
        if rest.first == UInt8(ascii: "s") {
            rest.removeFirst()
            names.append("Swift")
        } else if let module = identifier(&rest) {
            names.append(module)
        }
        var isInType = true
        while isInType, let name = identifier(&rest) {
            names.append(name)
            skipDiscriminator(&rest)
            // What comes behind a function's name are its labels.
            isInType = false
            while let kind = rest.first, typeKinds.contains(kind) {
                rest.removeFirst()
                isInType = true
            }
        }
        // A name with substitutions starts with 0.
        guard names.count > 1, rest.first != UInt8(ascii: "0") else { return nil }
        let isClosure = symbol.contains("XEfU") || symbol.contains("cfU")
        return (isClosure ? "closure in " : "") + names.joined(separator: ".")
    }

    /// What tells private names of two files apart.
    private static func skipDiscriminator(_ rest: inout Substring.UTF8View) {
        var behind = rest
        guard let name = identifier(&behind), name.hasPrefix("_"), behind.starts(with: "LL".utf8) else { return }
        rest = behind.dropFirst(2)
    }

    /// A length and as many bytes.
    private static func identifier(_ rest: inout Substring.UTF8View) -> String? {
        let digits = rest.prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        guard let first = digits.first, first != UInt8(ascii: "0"), let count = Int(Substring(digits)), count > 0,
            count <= rest.count - digits.count
        else { return nil }
        let name = rest.dropFirst(digits.count).prefix(count)
        guard let text = String(name) else { return nil }
        rest = rest.dropFirst(digits.count + count)
        return text
    }
}
