import ServiceLifecycle

/// The last service that hears of a shutdown: no connection is left, so no call is.
struct PoolService: Service {
    let backend: any CallBackend

    func run() async throws {
        try await gracefulShutdown()
        await backend.shutdown(deadline: .now)
    }
}
