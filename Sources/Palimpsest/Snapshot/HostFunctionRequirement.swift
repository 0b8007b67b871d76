import GuestABI

/// A host function that a snapshot's guest may call.
public struct HostFunctionRequirement: Sendable, Hashable {
    public let name: String
    public let signature: GuestSignature

    package init(name: String, signature: GuestSignature) {
        self.name = name
        self.signature = signature
    }

    public static func == (one: HostFunctionRequirement, other: HostFunctionRequirement) -> Bool {
        ByteName(one.name) == ByteName(other.name) && one.signature == other.signature
    }

    public func hash(into hasher: inout Hasher) { hasher.combine(ByteName(name)) }
}
