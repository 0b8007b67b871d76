/// A host function that a snapshot's guest may call.
public struct HostFunctionRequirement: Sendable, Hashable {
    public let name: String
    public let signature: GuestSignature
}
