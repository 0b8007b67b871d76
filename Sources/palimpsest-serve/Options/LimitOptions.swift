import ArgumentParser
import Palimpsest
import ToolSupport

/// What a client may take.
struct LimitOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Stop a call that takes longer, waiting included. A request can ask for less: "
                + "'\(CallDeadline.field): 250'.", valueName: "time"),
        transform: TimeLimit.parse)
    var callTimeout = Duration.seconds(5)

    @Option(
        help: ArgumentHelp(
            "How long a body may take to arrive, and an answer to be taken.", valueName: "time"),
        transform: TimeLimit.parse)
    var requestTimeout = ConnectionLimits().transfer

    @Option(
        help: ArgumentHelp(
            "How long a connection may rest, and a header may take to arrive.", valueName: "time"),
        transform: TimeLimit.parse)
    var idleTimeout = ConnectionLimits().idle

    @Option(help: ArgumentHelp("The largest body.", valueName: "size"), transform: ByteCount.parse)
    var maxBody = RequestLimits().bodyByteCount

    @Option(help: ArgumentHelp("The largest header, with the path.", valueName: "size"), transform: ByteCount.parse)
    var maxHeader = ConnectionLimits().headerByteCount

    @Option(help: ArgumentHelp("Connections at a time; more have to wait.", valueName: "count"))
    var maxConnections = 1_024

    @Option(
        help: ArgumentHelp("How long calls may still take when the server is told to stop.", valueName: "time"),
        transform: TimeLimit.parse)
    var drainTimeout = DrainLimits().limit

    @Option(
        help: ArgumentHelp(
            "Before that, go on as before for so long, but not ready, for load balancers to see. (default: not at all)",
            valueName: "time"),
        transform: TimeLimit.parse)
    var drainDelay: Duration?

    func validate() throws {
        try check("--max-body", maxBody, 2...SandboxConfiguration.mailboxRange.upperBound * 2)
        try check("--max-header", maxHeader, 1_024...1 << 20)
        try check("--max-connections", maxConnections, 1...1_000_000)
    }

    private func check(_ name: String, _ value: Int, _ range: ClosedRange<Int>) throws {
        guard range.contains(value) else {
            throw ValidationError("\(name): expected \(range.lowerBound) to \(range.upperBound), found \(value).")
        }
    }

    var connection: ConnectionLimits {
        ConnectionLimits(headerByteCount: maxHeader, idle: idleTimeout, transfer: requestTimeout)
    }

    var drain: DrainLimits { DrainLimits(delay: drainDelay ?? .zero, limit: drainTimeout) }
}
