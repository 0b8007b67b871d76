import ArgumentParser
import Palimpsest
import PalimpsestStore
import ToolSupport

struct SnapshotSaveCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "save",
        abstract: "Saves a guest, started and warmed up, as a snapshot.",
        discussion: """
            The guest is an ELF file, or a snapshot to go on from: then only what has changed since is written. Calls \
            with --call become part of the snapshot. A --warm-up call does not: it shows which pages calls need, so \
            that these are brought into memory first when the snapshot is loaded. In both, quotes keep words \
            together: --call 'greet "wide world"'.

            The store is made if the folder does not exist or is empty.

            Examples:
              palimpsest snapshot save greeter.elf snapshots:greeter
              palimpsest snapshot save model.elf snapshots:model --call "load 7" --warm-up "infer 1 2 3"
              palimpsest snapshot save snapshots:model snapshots:model-2 --call "learn 4"

            \(ToolExit.table)
            """)

    @Argument(help: "The guest: an ELF file, DIR:TAG or DIR@sha256:DIGEST.", completion: .file())
    var guest: String

    @Argument(help: "Where to save it: DIR:TAG.")
    var destination: SnapshotLocation

    @Option(
        name: .customLong("call"),
        help: ArgumentHelp("Call this before the snapshot is taken; may be repeated.", valueName: "call"))
    var calls: [String] = []

    @Option(
        help: ArgumentHelp("Call this to find out what calls need; may be repeated.", valueName: "call"))
    var warmUp: [String] = []

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "Sandbox")
    var sandbox: SandboxOptions

    func run() throws {
        let sandbox = try sandbox.makeSandbox(guest: guest)
        for call in try calls.map(GuestCall.init) { try call.run(in: sandbox) }
        let snapshot = try ToolError.ofSandbox { () throws(SandboxError) in try sandbox.snapshot() }
        if !warmUp.isEmpty { try record(snapshot) }
        let bar = ProgressBar("saving", isShown: !json)
        let digest = try ToolError.ofStore { () throws(SnapshotStoreError) in
            defer { bar.end() }
            return try snapshot.save(to: destination.directory, tag: destination.reference) { bar.show($0) }
        }
        if json {
            StandardOutput.write(
                JSON.object([
                    ("digest", .string(digest.description)), ("byteCount", .integer(snapshot.byteCount)),
                    ("layers", .integer(snapshot.layerCount)), ("hotPages", .integer(snapshot.hotPageCount)),
                ]))
        } else {
            StandardOutput.write("\(destination.directory)@\(digest)")
        }
    }

    private func record(_ snapshot: Snapshot) throws {
        let calls = try warmUp.map(GuestCall.init)
        var failure: ToolError?
        _ = try ToolError.ofSandbox { () throws(SandboxError) in
            try snapshot.recordHotPages(configuration: sandbox.configuration) { sandbox in
                do throws(ToolError) {
                    for call in calls { try call.run(in: sandbox) }
                } catch {
                    failure = error
                }
            }
        }
        if let failure { throw failure }
    }
}
