import ArgumentParser
import Palimpsest
import PalimpsestStore
import ToolSupport

struct SnapshotVerifyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Checks the digests of a snapshot's blobs, or of a whole store's.",
        discussion: """
            Examples:
              palimpsest snapshot verify snapshots:greeter
              palimpsest snapshot verify snapshots

            \(ToolExit.table)
            """)

    @Argument(help: "DIR:TAG, DIR@sha256:DIGEST, or DIR for all of it.")
    var snapshot: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        if let location = SnapshotLocation(guest: snapshot) {
            let store = try location.store()
            try ToolError.ofStore { () throws(SnapshotStoreError) in try store.verify(location.reference) }
            return report([:])
        }
        let store = try SnapshotLocation.store(snapshot)
        let failures = try ToolError.ofStore { () throws(SnapshotStoreError) in try store.verifyAll() }
        report(failures)
        if !failures.isEmpty { throw ToolExit.badFile.code }
    }

    private func report(_ failures: [BlobDigest: SnapshotStoreError]) {
        let failures = failures.sorted { $0.key < $1.key }
        if json {
            let list = failures.map { digest, error -> JSON in
                ["digest": .string(digest.description), "error": ToolError(error).json]
            }
            StandardOutput.write(JSON.object([("isValid", .bool(failures.isEmpty)), ("failures", .array(list))]))
        } else if failures.isEmpty {
            StandardOutput.write("ok")
        } else {
            for (digest, error) in failures { StandardError.write("\(digest.short): \(ToolError(error).message)") }
        }
    }
}
