import Logging
import ServiceLifecycle

/// The first service that hears of a shutdown: the server is not ready any more, and what runs gets its time limit.
struct DrainService: Service {
    let readiness: Readiness
    let backend: any CallBackend
    let connections: ConnectionRegistry
    let limits: DrainLimits
    let logger: Logger

    func run() async throws {
        try await gracefulShutdown()
        readiness.drain()
        logger.notice("shutting down: running calls have \(limits.limit.milliseconds) ms")
        try? await Task.sleep(for: limits.delay)
        // Not waited for: the next service to stop is the server, which waits for its connections.
        Task {
            try? await Task.sleep(for: limits.limit)
            await backend.shutdown(deadline: .now)
            try? await Task.sleep(for: DrainLimits.grace)
            connections.closeAll()
        }
    }
}
