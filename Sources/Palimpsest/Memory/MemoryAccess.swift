/// What a guest may do with memory. Prints as `READ | WRITE`, or `NONE`.
struct MemoryAccess: OptionSet, Hashable, Sendable, CustomStringConvertible {
    let rawValue: UInt8

    static let read = MemoryAccess(rawValue: 1)
    static let write = MemoryAccess(rawValue: 2)
    static let execute = MemoryAccess(rawValue: 4)

    var description: String {
        if isEmpty { return "NONE" }
        let names: [(MemoryAccess, String)] = [(.read, "READ"), (.write, "WRITE"), (.execute, "EXECUTE")]
        return names.filter { contains($0.0) }.map(\.1).joined(separator: " | ")
    }
}
