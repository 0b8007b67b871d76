import ArgumentParser
import Palimpsest
import ToolSupport

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Checks whether this machine can run sandboxes.",
        discussion: """
            Looks at KVM and its capabilities, io_uring, the processor and the process's limits, and says what to do \
            about what is missing. Exits with \(ToolExit.success.rawValue) only if sandboxes can run; warnings do \
            not count.

            Examples:
              palimpsest doctor
              palimpsest doctor --json

            \(ToolExit.table)
            """)

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        let report = HostReport.examine()
        if json {
            StandardOutput.write(DoctorCommand.json(report))
        } else {
            DoctorCommand.show(report)
        }
        if !report.isUsable { throw ToolExit.unavailable.code }
    }

    static func json(_ report: HostReport) -> JSON {
        let checks = report.checks.map { check -> JSON in
            [
                "category": .string(check.category.rawValue),
                "name": .string(check.name),
                "status": .string(check.status.rawValue),
                "found": .string(check.found),
                "requirement": .string(check.requirement),
                "remedy": check.remedy.map { .string($0) } ?? .null,
            ]
        }
        return ["usable": .bool(report.isUsable), "checks": .array(checks)]
    }

    private static func show(_ report: HostReport) {
        var table = Table([("check", .left), ("found", .left), ("needed", .left), ("status", .left)])
        for category in HostCheck.Category.allCases {
            let checks = report.checks.filter { $0.category == category }
            guard !checks.isEmpty else { continue }
            table.add(Table.Cell(category.rawValue, .bold), "", "", "")
            for check in checks {
                let (text, style) = describe(check.status)
                table.add(
                    .init("  " + check.name), .init(check.found), .init(check.requirement), .init(text, style))
            }
        }
        StandardOutput.write(table.render())
        for check in report.checks where check.status != .ok {
            guard let remedy = check.remedy else { continue }
            let (text, style) = describe(check.status)
            StandardOutput.write("\n\(style.apply(to: text)): \(check.name): \(remedy)")
        }
        let failures = report.checks.filter { $0.status == .failure }.count
        StandardOutput.write(
            report.isUsable
                ? "\nThis machine can run sandboxes."
                : "\nThis machine cannot run sandboxes: \(failures) check\(failures == 1 ? "" : "s") failed.")
    }

    private static func describe(_ status: HostCheck.Status) -> (String, Terminal.Style) {
        switch status {
        case .ok: ("ok", .green)
        case .warning: ("warning", .yellow)
        case .failure: ("FAILED", .red)
        }
    }
}
