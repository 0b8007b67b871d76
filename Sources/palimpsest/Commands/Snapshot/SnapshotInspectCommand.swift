import ArgumentParser
import Palimpsest
import PalimpsestStore
import ToolSupport

struct SnapshotInspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Shows what a snapshot is, or, of a whole store, how snapshots share layers.",
        discussion: """
            Examples:
              palimpsest snapshot inspect snapshots:greeter
              palimpsest snapshot inspect snapshots

            \(ToolExit.table)
            """)

    @Argument(help: "DIR:TAG, DIR@sha256:DIGEST, or DIR for all of it as a tree.")
    var snapshot: String

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
        if let location = SnapshotLocation(guest: snapshot) {
            let store = try location.store()
            let description = try ToolError.ofStore { () throws(SnapshotStoreError) in
                try store.inspect(location.reference)
            }
            json ? StandardOutput.write(SnapshotInspectCommand.json(description)) : show(description)
        } else {
            let store = try SnapshotLocation.store(snapshot)
            let trees = try ToolError.ofStore { () throws(SnapshotStoreError) in try store.layerTrees() }
            if json { return StandardOutput.write(JSON.array(trees.map(SnapshotInspectCommand.json))) }
            for tree in trees { show(tree, indentation: "") }
        }
    }

    private func show(_ node: LayerNode, indentation: String) {
        let names = node.snapshots.map(Terminal.escaped).joined(separator: ", ")
        let users = node.snapshotCount == 1 ? "1 snapshot" : "\(node.snapshotCount) snapshots"
        StandardOutput.write(
            "\(indentation)\(node.layer.digest.short)  \(Quantity.bytes(UInt64(node.layer.byteCount)))"
                + (node.children.isEmpty ? "" : "  (shared by \(users))") + (names.isEmpty ? "" : "  \(names)"))
        for child in node.children { show(child, indentation: indentation + "  ") }
    }

    private func show(_ snapshot: SnapshotDescription) {
        let rows: [(String, String)] = [
            ("digest", snapshot.digest.description), ("tags", snapshot.tags.joined(separator: ", ")),
            ("size", Quantity.bytes(UInt64(snapshot.byteCount))),
            ("metadata", Quantity.bytes(UInt64(snapshot.metadataByteCount))),
            ("engine", snapshot.engineVersion), ("ABI version", "\(snapshot.abiVersion)"),
            ("architecture", snapshot.architecture),
            ("processor", snapshot.processorFeatures.joined(separator: " ")),
            ("write set", "\(snapshot.writeSetPageCount) pages"), ("hot", "\(snapshot.hotPageCount) pages"),
            ("mapped files", snapshot.mappedFiles.joined(separator: ", ")),
        ]
        for (name, value) in rows where !value.isEmpty {
            StandardOutput.write("  \(name.padded(to: 14))\(Terminal.escaped(value))")
        }
        var layers = Table([("layer", .left), ("size", .right)])
        for layer in snapshot.layers {
            layers.add(.init(layer.digest.short), .init(Quantity.bytes(UInt64(layer.byteCount))))
        }
        StandardOutput.write("\n" + layers.render())
        var functions = Table([("function", .left), ("signature", .left), ("", .left)])
        for export in snapshot.exports {
            functions.add(.init(Terminal.escaped(export.name)), .init("\(export.signature)"), .init(""))
        }
        for function in snapshot.requiredHostFunctions {
            functions.add(.init(Terminal.escaped(function.name)), .init("\(function.signature)"), .init("host's"))
        }
        StandardOutput.write("\n" + functions.render())
    }

    private static func json(_ node: LayerNode) -> JSON {
        [
            "digest": .string(node.layer.digest.description), "byteCount": .integer(node.layer.byteCount),
            "snapshots": .array(node.snapshots.map(JSON.string)), "children": .array(node.children.map(json)),
        ]
    }

    private static func json(_ snapshot: SnapshotDescription) -> JSON {
        [
            "digest": .string(snapshot.digest.description), "tags": .array(snapshot.tags.map(JSON.string)),
            "byteCount": .integer(snapshot.byteCount),
            "layers": .array(
                snapshot.layers.map {
                    ["digest": .string($0.digest.description), "byteCount": .integer($0.byteCount)]
                }),
            "engineVersion": .string(snapshot.engineVersion), "abiVersion": .integer(Int(snapshot.abiVersion)),
            "architecture": .string(snapshot.architecture),
            "processorFeatures": .array(snapshot.processorFeatures.map(JSON.string)),
            "exports": .array(snapshot.exports.map(InspectCommand.json)),
            "hostFunctions": .array(
                snapshot.requiredHostFunctions.map {
                    ["name": .string($0.name), "signature": .string($0.signature.description)]
                }),
            "mappedFiles": .array(snapshot.mappedFiles.map(JSON.string)),
            "writeSetPages": .integer(snapshot.writeSetPageCount), "hotPages": .integer(snapshot.hotPageCount),
        ]
    }
}
