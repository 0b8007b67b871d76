import ArgumentParser
import Glibc
import Logging
import Metrics
import NIOCore
import Palimpsest
import PalimpsestPool
import PrometheusText
import ToolSupport

/// The server: what it is called with. What it does is `CallServer`.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "palimpsest-serve",
        abstract: "Serves guest functions over HTTP, each call in a sandbox rolled back behind it.",
        discussion: """
            POST /call/FUNCTION with a JSON array of the arguments answers {"result": ...}. GET /functions lists what \
            can be called, /health, /ready and /metrics are for those who look after it. Errors are problem+json \
            (RFC 9457). docs/serve.md has the rest.

            It speaks plain HTTP/1.1 and asks nobody who they are: what is in front of it does TLS and access.

            Examples:
              palimpsest-serve snapshots:greeter --pool 8 --rollback every-call
              palimpsest-serve greeter.elf --port 8081
              palimpsest-serve --snapshot greet=snapshots:greeter --snapshot hash=snapshots:sha256
              palimpsest-serve snapshots:greeter --socket /run/greeter.socket --call-timeout 250ms

              curl --json '["World"]' http://127.0.0.1:8080/call/sayHello
              curl --json '[1, 2]' http://127.0.0.1:8080/call/greet/add

            SIGTERM and SIGINT stop it: calls that run have --drain-timeout to end, then it exits with 0.

            \(ToolExit.table)
            """,
        version: EngineVersion.current.description)

    @Argument(
        help: """
            The guest whose functions are called without a snapshot's name: a snapshot, DIR:TAG or DIR@sha256:DIGEST, \
            or an ELF file.
            """, completion: .file())
    var guest: String?

    @Option(
        help: ArgumentHelp(
            "A guest whose functions are called as /call/NAME/FUNCTION; may be repeated.", valueName: "name=guest"))
    var snapshot: [NamedGuest] = []

    @OptionGroup(title: "Address")
    var address: AddressOptions

    @OptionGroup(title: "Pool")
    var pool: PoolOptions

    @OptionGroup(title: "Limits")
    var limits: LimitOptions

    @OptionGroup(title: "Sandbox")
    var sandbox: SandboxOptions

    @Flag(help: "Tell clients where a function crashed: addresses and symbols of the guest.")
    var showFaults = false

    @Option(
        help: ArgumentHelp(
            "The least that is logged, on standard error: trace, debug, info, notice, warning, error, critical.",
            valueName: "level"))
    var logLevel = Logger.Level.notice

    @Flag(help: .hidden)
    var noSandbox = false

    func validate() throws {
        let names = guests.map(\.name)
        guard !names.isEmpty || noSandbox else {
            throw ValidationError("Expected a guest: a snapshot, DIR:TAG, or an ELF file.")
        }
        if let name = names.first(where: { name in names.count { $0 == name } > 1 }) {
            throw ValidationError("Expected a name for each guest, found '\(name)' twice.")
        }
    }

    /// All of them, with their names.
    var guests: [NamedGuest] {
        (guest.map { [NamedGuest(name: SandboxPool.defaultSnapshot, guest: $0)] } ?? []) + snapshot
    }

    func run() async throws {
        let prometheus = PrometheusMetricsFactory()
        MetricsSystem.bootstrap(prometheus)
        let dropped = Counter(label: "palimpsest_log_dropped_lines", factory: prometheus)
        let log = LogQueue(descriptor: STDERR_FILENO, dropped: dropped)
        let output = LogQueue(descriptor: STDOUT_FILENO, dropped: dropped)
        let level = logLevel
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler(label: label, stream: log)
            handler.logLevel = level
            return handler
        }
        do {
            try await serve(prometheus, announcingOn: output)
        } catch {
            await log.flush()
            throw error
        }
        await log.flush()
        await output.flush()
    }

    private func serve(_ prometheus: PrometheusMetricsFactory, announcingOn output: LogQueue) async throws {
        DescriptorLimit.raise()
        let (catalog, backend) = try makeBackend()
        let logger = Logger(label: "palimpsest.serve")
        var server = CallServer(
            address: address.address, catalog: catalog, backend: backend, prometheus: prometheus,
            logger: logger)
        server.connectionLimits = limits.connection
        server.connectionCount = DescriptorLimit.connectionCount(
            atMost: limits.maxConnections, others: sandboxCount * DescriptorLimit.perSandbox, logger: logger)
        server.requestLimits = RequestLimits(
            bodyByteCount: limits.maxBody, call: limits.callTimeout, showsFaults: showFaults)
        server.hosts = HostPolicy(listeningHost: address.host, allowed: address.allowHost)
        server.drain = limits.drain
        let socket = address.socket
        do {
            try await server.run { ServeCommand.announce($0, socket: socket, on: output) }
        } catch {
            // Once it listens, nothing is thrown that it could not go on after.
            throw ToolError(
                .unavailable, kind: "cannotListen",
                "Cannot listen on \(socket ?? "\(address.host) port \(address.port)"): \(error).")
        }
    }

    /// At most.
    private var sandboxCount: Int {
        noSandbox ? 0 : pool.configuration(sandbox: sandbox.configuration).sandboxCount.upperBound
    }

    private func makeBackend() throws -> (FunctionCatalog, any CallBackend) {
        guard !noSandbox else {
            return (FunctionCatalog([ByteName(SandboxPool.defaultSnapshot): HostBackend.functions]), HostBackend())
        }
        var configuration = sandbox.configuration
        configuration.logger = Logger(label: "palimpsest.guest")
        configuration.logLimit = GuestLogLimit()
        return try PoolBuilder(
            guests: guests, sandbox: sandbox, configuration: pool.configuration(sandbox: configuration)
        ).build()
    }

    /// Where it listens, on standard output: for people, and for programs that asked for any free port. Like the log,
    /// it is not waited for until somebody reads it.
    private static func announce(_ address: SocketAddress?, socket: String?, on output: LogQueue) {
        var place = socket.map { "unix:\($0)" } ?? ""
        if socket == nil, let address, let port = address.port {
            let host = address.ipAddress ?? ""
            place = "http://\(host.contains(":") ? "[\(host)]" : host):\(port)"
        }
        output.write("palimpsest-serve: listening on \(place)\n")
    }
}

// swift-format-ignore: AvoidRetroactiveConformances
// A program's own, which nobody imports: no other conformance can meet it.
extension Logger.Level: @retroactive ExpressibleByArgument {}
