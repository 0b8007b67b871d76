import CPalimpsest
import MicroVM

/// What a function takes and returns.
public struct GuestSignature: Sendable, Hashable, CustomStringConvertible {
    public let result: GuestValueType
    /// At most `maximumArgumentCount`; none is `void`.
    public let arguments: [GuestValueType]

    public static let maximumArgumentCount = Int(PAL_MAX_ARGUMENTS)

    public init(result: GuestValueType, arguments: [GuestValueType]) {
        self.result = result
        self.arguments = arguments
    }

    /// From the ABI's characters, result first; nil if they are not a signature.
    package init?(codes: some Collection<UInt8>) {
        guard let first = codes.first, let result = GuestValueType(rawValue: first) else { return nil }
        var arguments: [GuestValueType] = []
        guard codes.count - 1 <= GuestSignature.maximumArgumentCount else { return nil }
        for code in codes.dropFirst() {
            guard let type = GuestValueType(rawValue: code), type != .void else { return nil }
            arguments.append(type)
        }
        self.init(result: result, arguments: arguments)
    }

    /// The ABI's characters.
    package var codes: [UInt8] { [result.rawValue] + arguments.map(\.rawValue) }

    public var description: String {
        "(\(arguments.map(\.description).joined(separator: ", "))) -> \(result)"
    }
}
