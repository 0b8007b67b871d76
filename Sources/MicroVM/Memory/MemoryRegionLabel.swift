/// What a region is to a person. It never decides how memory is backed.
package enum MemoryRegionLabel: String, Hashable, Sendable, CustomStringConvertible {
    case code
    case readOnlyData = "rodata"
    case data
    case zeroData = "bss"
    case heap, stack, mailbox
    case guardPages = "guard"
    case entry, constants, supervisor
    case snapshot, scratch
    case mappedFile = "mapped file"

    package var description: String { rawValue }
}
