/// Where an address is in a function or variable of a guest's, by its symbol.
struct GuestSymbol: Sendable, Hashable, CustomStringConvertible {
    /// Made fit to be shown.
    let name: String
    /// Bytes from the symbol to the address.
    let offset: UInt64

    /// `name+0x1c`.
    var description: String { offset == 0 ? name : "\(name)+\(hex(offset))" }
}
