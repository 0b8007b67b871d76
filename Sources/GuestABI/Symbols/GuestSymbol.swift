import MicroVM

/// Where an address is in a function or variable of a guest's, by its symbol.
package struct GuestSymbol: Sendable, Hashable, CustomStringConvertible {
    /// Made fit to be shown.
    package let name: String
    /// Bytes from the symbol to the address.
    package let offset: UInt64

    /// `name+0x1c`.
    package var description: String { offset == 0 ? name : "\(name)+\(hex(offset))" }
}
