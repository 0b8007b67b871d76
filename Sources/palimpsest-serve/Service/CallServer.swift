import HummingbirdCore
import Logging
import NIOCore
import NIOPosix
import PrometheusText
import ServiceLifecycle

/// The whole server: what it serves, where, within which limits.
struct CallServer: Sendable {
    var address: BindAddress
    var connectionLimits = ConnectionLimits()
    var connectionCount = 1_024
    var requestLimits = RequestLimits()
    var hosts = HostPolicy()
    var drain = DrainLimits()
    let catalog: FunctionCatalog
    let backend: any CallBackend
    let prometheus: PrometheusMetricsFactory
    let logger: Logger

    /// Serves until SIGTERM or SIGINT, then lets go of everything.
    /// - Parameter whenListening: is told where, once connections are taken.
    /// - Throws: if the address cannot be bound.
    func run(whenListening: @escaping @Sendable (SocketAddress?) -> Void) async throws {
        let readiness = Readiness()
        let connections = ConnectionRegistry(metrics: prometheus)
        let handler = RequestHandler(
            catalog: catalog, backend: backend, hosts: hosts, limits: requestLimits, connectionLimits: connectionLimits,
            readiness: readiness, metrics: ServerMetrics(factory: prometheus), prometheus: prometheus, logger: logger)
        let channel = GuardedHTTP1Channel(limits: connectionLimits, connections: connections) {
            try await handler.respond(to: $0, writer: $1, channel: $2)
        }
        let server = channel.server(
            configuration: ServerConfiguration(
                address: address,
                availableConnectionsDelegate: MaximumAvailableConnections(connectionCount, logger: logger)),
            onServerRunning: { [prometheus, logger] channel in
                try? await channel.eventLoop.submit {
                    try channel.pipeline.syncOperations.addHandler(
                        AcceptPauseHandler(metrics: prometheus, logger: logger), position: .first)
                }.get()
                whenListening(channel.localAddress)
            },
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
        // They are told of a shutdown in reverse, one after the other has ended.
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    PoolService(backend: backend), server,
                    DrainService(
                        readiness: readiness, backend: backend, connections: connections, limits: drain,
                        logger: logger),
                ],
                gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }
}
