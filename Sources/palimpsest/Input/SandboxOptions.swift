import ArgumentParser
import Palimpsest

/// The sandbox's sizes, for every command that makes one. What is out of range the engine refuses, and says so.
struct SandboxOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The guest's heap.", valueName: "size"), transform: ByteCount.parse)
    var heap: Int?

    @Option(help: ArgumentHelp("The guest's stack.", valueName: "size"), transform: ByteCount.parse)
    var stack: Int?

    @Option(
        help: ArgumentHelp("Room for the strings and bytes of one call.", valueName: "size"),
        transform: ByteCount.parse)
    var mailbox: Int?

    @Option(
        help: ArgumentHelp("Room for page tables and for copies of pages the guest writes to.", valueName: "size"),
        transform: ByteCount.parse)
    var scratch: Int?

    var configuration: SandboxConfiguration {
        var configuration = SandboxConfiguration(logger: GuestLogHandler.logger)
        if let heap { configuration.heapByteCount = heap }
        if let stack { configuration.stackByteCount = stack }
        if let mailbox { configuration.mailboxByteCount = mailbox }
        if let scratch { configuration.scratchByteCount = scratch }
        return configuration
    }

    func makeSandbox(guest path: String) throws(ToolError) -> Sandbox {
        do throws(SandboxError) {
            return try Sandbox(guest: .file(path), configuration: configuration)
        } catch {
            throw ToolError(error)
        }
    }
}
