/// A function a guest offers.
public struct GuestExport: Sendable, Hashable, CustomStringConvertible {
    public let name: String
    public let signature: GuestSignature
    /// Its place among the guest's exports.
    let index: Int
    /// Where it is, and what it was registered with: for the entry code only.
    let function: UInt64
    let context: UInt64

    public var description: String {
        "\(name)(\(signature.arguments.map(\.description).joined(separator: ", "))) -> \(signature.result)"
    }
}
