import Palimpsest
import PalimpsestPool

/// Calls without a sandbox: the floor of the benchmark, all of the server but the guest. Numbers are added up, anything
/// else comes back as it is.
struct HostBackend: CallBackend {
    static let functions = [
        ServedFunction(name: "add", signature: GuestSignature(result: .int64, arguments: [.int64, .int64])),
        ServedFunction(name: "echo", signature: GuestSignature(result: .string, arguments: [.string])),
    ]

    func call(
        _ function: ServedFunction, _ arguments: [AnyGuestValue], snapshot: String, deadline: ContinuousClock.Instant
    ) async throws(SandboxPoolError) -> AnyGuestValue {
        guard deadline > .now else { throw .deadlineExceededInQueue }
        if arguments.count == 2, case .int64(let left) = arguments[0], case .int64(let right) = arguments[1] {
            return .int64(left &+ right)
        }
        return arguments.first ?? .void
    }

    var hasRoom: Bool { true }

    func shutdown(deadline: ContinuousClock.Instant) async {}
}
