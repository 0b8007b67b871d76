/// What a guest may do with memory. Prints as `READ | WRITE`, or `NONE`.
package struct MemoryAccess: OptionSet, Hashable, Sendable, CustomStringConvertible {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    package static let read = MemoryAccess(rawValue: 1)
    package static let write = MemoryAccess(rawValue: 2)
    package static let execute = MemoryAccess(rawValue: 4)

    package var description: String {
        if isEmpty { return "NONE" }
        let names: [(MemoryAccess, String)] = [(.read, "READ"), (.write, "WRITE"), (.execute, "EXECUTE")]
        return names.filter { contains($0.0) }.map(\.1).joined(separator: " | ")
    }
}
