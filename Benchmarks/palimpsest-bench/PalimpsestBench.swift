import ArgumentParser
import Foundation
import ToolSupport

@main
enum Main {
    static func main() {
        let process = ToolProcess("palimpsest-bench")
        do {
            var command = try PalimpsestBench.parseAsRoot()
            try command.run()
            process.exit(.success)
        } catch {
            process.exit(process.report(error, of: PalimpsestBench.self))
        }
    }
}

struct PalimpsestBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "palimpsest-bench",
        abstract: "Measures the engine, each result beside its floor.",
        discussion: """
            Every sample is one operation, timed by itself. A result and its floor are measured in turn in the \
            same run; `ratio` is p50 over the floor's p50.

            EXAMPLES
              swift run -c release palimpsest-bench
              swift run -c release palimpsest-bench call --json call.json
              swift run -c release palimpsest-bench rollback cold --plot .
              swift run -c release palimpsest-bench soak --seconds 600

            SUITES
            \((Suite.all + Suite.onDemand).map { "  \($0.name): \($0.summary)" }.joined(separator: "\n"))
            """)

    @Argument(help: "Suites to run; all if none is named.")
    var suites: [String] = []

    @Flag(help: "Fewer samples: seconds instead of a minute.")
    var quick = false

    @Option(help: ArgumentHelp("How long the suite soak goes on.", valueName: "n"))
    var seconds = 60

    @Option(help: ArgumentHelp("Also write the results to this file.", valueName: "file"))
    var json: String?

    @Option(help: ArgumentHelp("Also draw the suites rollback and cold into this folder, as SVG.", valueName: "folder"))
    var plot: String?

    func validate() throws {
        guard seconds > 0 else { throw ValidationError("--seconds is \(seconds); expected 1 or more") }
        for name in suites where !(Suite.all + Suite.onDemand).contains(where: { $0.name == name }) {
            throw ValidationError(BenchmarkError.unknownSuite(name).description)
        }
    }

    func run() throws {
        let chosen = suites.isEmpty ? Suite.all : (Suite.all + Suite.onDemand).filter { suites.contains($0.name) }
        var report = Report()
        for suite in chosen {
            StandardError.write("running \(suite.name): \(suite.summary)")
            report.add(try suite.run(Effort(isQuick: quick, soakSeconds: seconds)))
        }
        var tables: [String] = []
        if !report.results.isEmpty { tables.append(Table.text(report.results)) }
        if !report.counts.isEmpty { tables.append(Table.text(report.counts)) }
        if !report.amounts.isEmpty { tables.append(Table.text(report.amounts)) }
        StandardOutput.write(tables.joined(separator: "\n\n"))
        // Written to, not replaced: they may be devices.
        if let json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
            try encoder.encode(report).write(to: URL(fileURLWithPath: json))
        }
        if let plot { try draw(report, into: URL(fileURLWithPath: plot)) }
    }

    private func draw(_ report: Report, into folder: URL) throws {
        let plots = [
            ("rollback", Plot("Rollback, pages spread out, p50", prefix: "rollback", suffix: "", report)),
            (
                "rollback-contiguous",
                Plot("Rollback, neighbouring pages, p50", prefix: "rollback", suffix: "/contiguous", report)
            ),
            ("cold", Plot("Rollback from a cold file, pages spread out, p50", prefix: "cold", suffix: "", report)),
            (
                "cold-contiguous",
                Plot(
                    "Rollback from a cold file, neighbouring pages, p50", prefix: "cold", suffix: "/contiguous", report)
            ),
        ]
        for (name, plot) in plots {
            guard let plot else { continue }
            let file = folder.appendingPathComponent("\(name).svg")
            try Data(plot.svg.utf8).write(to: file)
        }
    }
}
