import MicroVM

/// A function a guest offers.
public struct GuestExport: Sendable, Hashable, CustomStringConvertible {
    /// Its bytes are what it is: no other export has the same, though one may look alike.
    public let name: String
    public let signature: GuestSignature
    /// Its place among the guest's exports.
    package let index: Int
    /// Where it is, and what it was registered with: for the entry code only.
    package let function: UInt64
    package let context: UInt64

    package init(name: String, signature: GuestSignature, index: Int, function: UInt64, context: UInt64) {
        self.name = name
        self.signature = signature
        self.index = index
        self.function = function
        self.context = context
    }

    public static func == (one: GuestExport, other: GuestExport) -> Bool {
        ByteName(one.name) == ByteName(other.name) && one.signature == other.signature && one.index == other.index
            && one.function == other.function && one.context == other.context
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(ByteName(name))
        hasher.combine(function)
    }

    public var description: String {
        "\(name)(\(signature.arguments.map(\.description).joined(separator: ", "))) -> \(signature.result)"
    }
}
