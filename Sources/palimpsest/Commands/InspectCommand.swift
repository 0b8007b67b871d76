import ArgumentParser
import Palimpsest
import ToolSupport

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Shows what a guest is made of and what it exports.",
        discussion: """
            Segments, entry point and ABI version come from the file. The exports are what the guest registers when \
            it starts, so its initialisers are run, in a sandbox. Where that is not possible, the rest is printed \
            all the same, and the exit code says why.

            Examples:
              palimpsest inspect greeter.elf
              palimpsest inspect greeter.elf --json

            \(ToolExit.table)
            """)

    @Argument(help: "The guest, an ELF file.", completion: .file())
    var guest: String

    @Flag(help: "Print JSON.")
    var json = false

    @OptionGroup(title: "Sandbox")
    var sandbox: SandboxOptions

    func run() throws {
        let image: GuestImageDescription
        do throws(SandboxError) {
            image = try GuestImageDescription(guest: .file(guest))
        } catch {
            throw ToolError(error)
        }
        let exports: Result<[GuestExport], ToolError>
        do throws(ToolError) {
            exports = .success(try sandbox.makeSandbox(guest: guest).exports)
        } catch {
            exports = .failure(error)
        }
        if json {
            StandardOutput.write(jsonObject(image, exports))
        } else {
            show(image)
            show(exports)
        }
        guard case .failure(let error) = exports else { return }
        // In JSON the error is already part of the object.
        if json { throw error.exit.code } else { throw error }
    }

    private func show(_ image: GuestImageDescription) {
        StandardOutput.write(
            "\(guest): \(Quantity.bytes(UInt64(image.byteCount))), ABI version \(image.abiVersion), "
                + "entry \(Quantity.hex(image.entry))\n")
        var table = Table([
            ("segment", .left), ("in file", .right), ("in memory", .right), ("access", .left),
        ])
        for segment in image.segments {
            let end = segment.address &+ segment.memoryByteCount
            table.add(
                .init("\(Quantity.hex(segment.address)) - \(Quantity.hex(end))"), .init("\(segment.fileByteCount)"),
                .init("\(segment.memoryByteCount)"), .init(InspectCommand.letters(segment.access)))
        }
        StandardOutput.write(table.render())
    }

    private func show(_ exports: Result<[GuestExport], ToolError>) {
        guard case .success(let exports) = exports else {
            return StandardOutput.write("\n  exports are not known: the guest's initialisers could not be run")
        }
        var table = Table([("export", .left), ("signature", .left)])
        for export in exports {
            table.add(.init(Terminal.escaped(export.name)), .init("\(export.signature)"))
        }
        StandardOutput.write("\n" + table.render())
    }

    private func jsonObject(_ image: GuestImageDescription, _ exports: Result<[GuestExport], ToolError>) -> JSON {
        let segments = image.segments.map { segment -> JSON in
            [
                "address": .string(Quantity.hex(segment.address)),
                "end": .string(Quantity.hex(segment.address &+ segment.memoryByteCount)),
                "fileByteCount": .unsigned(segment.fileByteCount),
                "memoryByteCount": .unsigned(segment.memoryByteCount),
                "access": .string(InspectCommand.letters(segment.access)),
            ]
        }
        var members: [(String, JSON)] = [
            ("file", .string(guest)),
            ("byteCount", .integer(image.byteCount)),
            ("abiVersion", .integer(Int(image.abiVersion))),
            ("entry", .string(Quantity.hex(image.entry))),
            ("segments", .array(segments)),
        ]
        switch exports {
        case .success(let exports):
            members.append(("exports", .array(exports.map(InspectCommand.json))))
        case .failure(let error):
            members.append(("exports", .null))
            members.append(("error", error.json))
        }
        return .object(members)
    }

    static func json(_ export: GuestExport) -> JSON {
        [
            "name": .string(export.name),
            "signature": .string(export.signature.description),
            "arguments": .array(export.signature.arguments.map { .string($0.description) }),
            "result": .string(export.signature.result.description),
        ]
    }

    /// `READ | EXECUTE` as `R-X`.
    static func letters(_ access: String) -> String {
        [("READ", "R"), ("WRITE", "W"), ("EXECUTE", "X")]
            .map { access.contains($0.0) ? $0.1 : "-" }
            .joined()
    }
}
