import ArgumentParser
import Palimpsest
import PalimpsestStore

/// The sandbox's sizes and ways, for every command that makes one. What is out of range the engine refuses, and says
/// so.
package struct SandboxOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The guest's heap.", valueName: "size"), transform: ByteCount.parse)
    package var heap: Int?

    @Option(help: ArgumentHelp("The guest's stack.", valueName: "size"), transform: ByteCount.parse)
    package var stack: Int?

    @Option(
        help: ArgumentHelp("Room for the strings and bytes of one call.", valueName: "size"),
        transform: ByteCount.parse)
    package var mailbox: Int?

    @Option(
        help: ArgumentHelp("Room for page tables and for copies of pages the guest writes to.", valueName: "size"),
        transform: ByteCount.parse)
    package var scratch: Int?

    @Flag(help: "Check all digests of a snapshot before it runs.")
    package var verify = false

    @Option(
        help: ArgumentHelp(
            "A file of this machine that a snapshot may have mapped; may be repeated.", valueName: "file"),
        completion: .file())
    package var allowFile: [String] = []

    @Flag(
        help: """
            Have the guest wait inside for its next call: calls and rollbacks without an exit, and a core kept busy \
            between them. Protects requests from each other's leftovers, not from one that takes the guest over.
            """)
    package var resident = false

    package init() {}

    package var configuration: SandboxConfiguration {
        // Whoever calls a guest by hand wants to see all of it.
        var configuration = SandboxConfiguration(logger: GuestLogHandler.logger, logLimit: nil)
        if let heap { configuration.heapByteCount = heap }
        if let stack { configuration.stackByteCount = stack }
        if let mailbox { configuration.mailboxByteCount = mailbox }
        if let scratch { configuration.scratchByteCount = scratch }
        if resident { configuration.registerReset = .byGuest(Residency()) }
        return configuration
    }

    /// - Parameter path: an ELF file, or a snapshot in a store.
    package func makeSandbox(guest path: String) throws(ToolError) -> Sandbox {
        if let location = SnapshotLocation(guest: path) { return try makeSandbox(location) }
        do throws(SandboxError) {
            return try Sandbox(guest: .file(path), configuration: configuration)
        } catch {
            throw ToolError(error)
        }
    }

    private func makeSandbox(_ location: SnapshotLocation) throws(ToolError) -> Sandbox {
        let snapshot = try load(location)
        return try ToolError.ofSandbox { () throws(SandboxError) in
            try Sandbox(from: snapshot, configuration: configuration)
        }
    }

    package var verification: SnapshotVerification { verify ? .digests : .structure }

    /// Opens a snapshot in a store.
    package func load(_ location: SnapshotLocation) throws(ToolError) -> Snapshot {
        guard heap == nil, stack == nil, mailbox == nil, scratch == nil else {
            throw ToolError(
                .usage, kind: "sizesOfSnapshot",
                "A snapshot's sizes are those it was taken with: leave out --heap, --stack, --mailbox and --scratch.")
        }
        return try location.load(verify: verification, allowedFiles: allowFile)
    }
}
