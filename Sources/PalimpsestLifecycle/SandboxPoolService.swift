import Palimpsest
import PalimpsestPool
import ServiceLifecycle

/// A pool as a service of swift-service-lifecycle: runs until graceful shutdown, which drains it.
///
///     let services: [any Service] = [server, SandboxPoolService(pool)]
///     let group = ServiceGroup(services: services, gracefulShutdownSignals: [.sigterm], logger: logger)
///
/// A service group shuts its services down in the reverse of their order: whatever calls the pool goes behind it.
public struct SandboxPoolService: Service {
    private let pool: SandboxPool
    private let drainTimeLimit: Duration

    /// - Parameter pool: shut down when the service is.
    /// - Parameter drainTimeLimit: how long calls may go on after the beginning of a shutdown.
    public init(_ pool: SandboxPool, drainTimeLimit: Duration = .seconds(10)) {
        self.pool = pool
        self.drainTimeLimit = drainTimeLimit
    }

    /// Returns when the pool is shut down: drained after graceful shutdown; at once, its guests stopped, after
    /// cancellation.
    public func run() async throws {
        try? await gracefulShutdown()
        await pool.shutdown(deadline: Task.isCancelled ? .now : .now + drainTimeLimit)
    }
}
