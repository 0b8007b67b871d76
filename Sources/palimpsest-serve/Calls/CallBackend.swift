import Palimpsest
import PalimpsestPool

/// What runs the calls: a pool, or what stands in for one.
protocol CallBackend: Sendable {
    func call(
        _ function: ServedFunction, _ arguments: [AnyGuestValue], snapshot: String, deadline: ContinuousClock.Instant
    ) async throws(SandboxPoolError) -> AnyGuestValue

    /// Whether a call that comes now would be taken.
    var hasRoom: Bool { get }

    /// As `SandboxPool.shutdown`.
    func shutdown(deadline: ContinuousClock.Instant) async
}
