import HTTPTypes
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import Palimpsest
import PalimpsestPool
import PrometheusText
import ToolSupport

/// Answers requests: every one exactly once, with a result or a `Problem`.
struct RequestHandler: Sendable {
    let catalog: FunctionCatalog
    let backend: any CallBackend
    let hosts: HostPolicy
    let limits: RequestLimits
    let connectionLimits: ConnectionLimits
    let readiness: Readiness
    let metrics: ServerMetrics
    let prometheus: PrometheusMetricsFactory
    let logger: Logger

    /// - Throws: `CancellationError` if the client is gone, and what reading and writing throws: nobody is there to
    ///   answer.
    func respond(to request: Request, writer: consuming ResponseWriter, channel: any Channel) async throws {
        let start = ContinuousClock.now
        metrics.requestBegan()
        var name = "other"
        var status: HTTPResponse.Status?
        defer { metrics.requestEnded(route: name, status: status?.code, duration: .now - start) }
        let answer: Answer
        do {
            guard hosts.accepts(request.head.authority, at: channel.localAddress) else {
                throw Problem.misdirectedHost(request.head.authority ?? "")
            }
            if request.method == .options, request.head.path == "*" {
                // RFC 9110 section 9.3.7: about the server as a whole.
                answer = .overview
            } else {
                let route = try Route(path: request.head.path ?? "")
                name = route.name
                guard route.methods.contains(request.method) else {
                    throw Problem.methodNotAllowed(request.method.rawValue, allowed: route.methods)
                }
                try request.checkExpectation()
                answer = try await self.answer(to: request, route, writer)
            }
        } catch let problem as Problem {
            answer = Answer(problem)
        }
        status = answer.status
        log(request, answer)
        try await answer.write(to: writer, withoutBody: request.method == .head)
    }

    private func answer(
        to request: Request, _ route: Route, _ writer: borrowing ResponseWriter
    ) async throws -> Answer {
        switch route {
        case .call(let snapshot, let function): return try await call(function, of: snapshot, request, writer)
        case .functions(let snapshot): return Answer(try catalog.json(of: snapshot))
        case .health: return Answer(["status": .string("alive")])
        case .ready:
            if readiness.isDraining { throw Problem.shuttingDown }
            guard backend.hasRoom else { throw Problem.overloaded }
            return Answer(["status": .string("ready")])
        case .metrics: return Answer(.ok, PrometheusMetricsFactory.contentType, prometheus.text())
        }
    }

    // MARK: - Calls

    private func call(
        _ name: String, of snapshot: String, _ request: Request, _ writer: borrowing ResponseWriter
    ) async throws -> Answer {
        // In this order: what can be said without the body is said before it.
        let function = try catalog.function(name, of: snapshot)
        let timeLimit = try CallDeadline.limit(request.headers, limits.call)
        try request.checkBody(limit: limits.bodyByteCount)
        // curl waits a second for it before it sends a large body.
        if request.awaitsContinue { try await writer.writeInformationalHead(HTTPResponse(status: .continue)) }
        let bytes = try await request.jsonBody(limit: limits.bodyByteCount, timeLimit: connectionLimits.transfer)
        let arguments = try decode(bytes, function)
        do throws(SandboxPoolError) {
            let result = try await backend.call(
                function, arguments, snapshot: snapshot, deadline: .now.advanced(by: timeLimit))
            return Answer(["result": CallResult.json(result)])
        } catch .cancelled {
            throw CancellationError()
        } catch {
            let problem = Problem(error, showsFault: limits.showsFaults)
            log(error, problem, function, snapshot)
            throw problem
        }
    }

    private func decode(_ bytes: [UInt8], _ function: ServedFunction) throws(Problem) -> [AnyGuestValue] {
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONReader.read(bytes)
        } catch {
            throw .invalidJSON(error)
        }
        do throws(ArgumentError) {
            return try CallArguments.decode(value, as: function.signature)
        } catch {
            throw .invalidArguments(error, of: function)
        }
    }

    // MARK: - The log

    /// What a client must not see: the whole of an error. Guests choose parts of it, so control characters are escaped.
    private func log(_ error: SandboxPoolError, _ problem: Problem, _ function: ServedFunction, _ snapshot: String) {
        let level: Logger.Level = problem.status.code == 500 ? .error : problem.status.code == 502 ? .notice : .debug
        logger.log(
            level: level, "\(Terminal.escaped(error.description))",
            metadata: ["snapshot": "\(snapshot)", "function": "\(Terminal.escaped(function.name))"])
    }

    private func log(_ request: Request, _ answer: Answer) {
        logger.debug(
            "\(request.method.rawValue) \(Terminal.escaped(request.head.path ?? "")): \(answer.status.code)")
    }
}
