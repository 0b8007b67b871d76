/// What a region is to a person. It never decides how memory is backed.
enum MemoryRegionLabel: String, Hashable, Sendable, CustomStringConvertible {
    case code, readOnlyData = "rodata", data, zeroData = "bss"
    case heap, stack, mailbox, guardPages = "guard"
    case entry, constants, supervisor
    case snapshot, scratch, mappedFile = "mapped file"

    var description: String { rawValue }
}
