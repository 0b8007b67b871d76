import Foundation

extension Suite {
    /// Calls over HTTP, each beside the same request to the same server that adds up the numbers itself.
    static let serve = Suite(
        name: "serve", summary: "calls over HTTP and loopback, beside the server without a sandbox"
    ) {
        effort in
        guard let executable = ServerProcess.executable else {
            let note = "skipped: build the server first, with swift build -c release --product palimpsest-serve\n"
            FileHandle.standardError.write(Data(note.utf8))
            return Report()
        }
        guard case .file(let guest) = try BenchGuest.source() else { return Report() }
        let floor = try ServerProcess(executable, ["--no-sandbox"])
        let server = try ServerProcess(executable, [guest, "--pool", "8", "--rollback", "every-call"])
        var report = Report()
        for connectionCount in [1, 64] {
            report.add(try measure(server, over: floor, connectionCount: connectionCount, effort))
        }
        return report
    }

    /// Latencies of single requests, and of windows of many, by request: the ratio of the latter is one over that of
    /// the rates.
    private static func measure(
        _ server: ServerProcess, over floor: ServerProcess, connectionCount: Int, _ effort: Effort
    ) throws -> Report {
        let suffix = "/connections=\(connectionCount)"
        let names = (latency: "serve/no-sandbox\(suffix)", rate: "serve/throughput/no-sandbox\(suffix)")
        var latencies = [Measurement(names.latency), Measurement("serve/call\(suffix)", over: names.latency)]
        var rates = [Measurement(names.rate), Measurement("serve/throughput\(suffix)", over: names.rate)]
        let clients = try [floor, server].map { try LoadClient(port: $0.port, connectionCount: connectionCount) }
        let requestCount = 16 * connectionCount + 240
        for round in 0...max(10, effort.sampleCount / requestCount) {
            for (index, client) in clients.enumerated() {
                let start = nanosecondsNow()
                let times = try client.times(requestCount: requestCount)
                let window = nanosecondsNow() - start
                guard round > 0 else { continue }
                for time in times { latencies[index].record(time) }
                rates[index].record(window / UInt64(times.count))
            }
        }
        return Report(
            results: [latencies, rates].flatMap { pair in
                pair.map { Record($0, floorP50: $0.floor == nil ? nil : pair[0].p50) }
            })
    }
}
