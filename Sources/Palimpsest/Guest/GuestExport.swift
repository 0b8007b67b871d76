/// A function a guest offers.
public struct GuestExport: Sendable, Hashable, CustomStringConvertible {
    public let name: String
    public let signature: GuestSignature
    /// Where it is, and what it was registered with: for the entry code only.
    let function: UInt64
    let context: UInt64

    public var description: String {
        "\(name)(\(signature.arguments.map(\.description).joined(separator: ", "))) -> \(signature.result)"
    }
}
