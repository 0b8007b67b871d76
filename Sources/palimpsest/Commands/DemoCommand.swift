import ArgumentParser
import Palimpsest
import ToolSupport

struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "A guided tour: builds guests, calls them, and survives them.",
        discussion: """
            Builds three guests whose sources are part of this program, two in C and one in Swift, and calls them: \
            strings, integers, bytes, a call back into the host. Then it lets guests crash, fail and loop for ever, \
            and goes on after each. Every step has an expected result; one that differs fails the demo.

            Examples:
              palimpsest demo
              palimpsest demo --json

            \(ToolExit.table)
            """)

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let report = HostReport.examine()
        guard report.isUsable else {
            let failed = report.checks.first { $0.status == .failure }
            throw ToolError(
                .unavailable, kind: "machine",
                "This machine cannot run sandboxes: \(failed.map { "\($0.name): \($0.found)" } ?? "a check failed"). "
                    + "\(failed?.remedy ?? "") 'palimpsest doctor' says more.")
        }
        let start = ContinuousClock.now
        var demo = Demonstration(printsSteps: !json)
        try demo.run()
        let nanoseconds = (ContinuousClock.now - start).nanoseconds
        if json {
            let object: JSON = [
                "passed": .bool(demo.hasPassed),
                "nanoseconds": .integer(nanoseconds),
                "steps": .array(demo.steps.map(\.json)),
            ]
            StandardOutput.write(object)
        } else {
            StandardOutput.write("\n\(demo.verdict) (\(Quantity.time(nanoseconds)))")
        }
        if !demo.hasPassed { throw ToolExit.guestFailed.code }
    }
}
