import Palimpsest
import PalimpsestPool

/// Calls in sandboxes of a pool.
struct PoolBackend: CallBackend {
    let pool: SandboxPool
    let queueLimit: Int

    func call(
        _ function: ServedFunction, _ arguments: [AnyGuestValue], snapshot: String, deadline: ContinuousClock.Instant
    ) async throws(SandboxPoolError) -> AnyGuestValue {
        try await pool.call(function.name, arguments: arguments, snapshot: snapshot, deadline: deadline)
    }

    var hasRoom: Bool { pool.isOpen && (queueLimit == 0 || pool.statistics.waiting < queueLimit) }

    func shutdown(deadline: ContinuousClock.Instant) async { await pool.shutdown(deadline: deadline) }
}
