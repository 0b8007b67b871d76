import GuestABI
import MicroVM

/// A guest's state between two calls, immutable: what sandboxes start from and are rolled back to.
///
///     let sandbox = try Sandbox(guest: .file("greeter.elf"))
///     let snapshot = try sandbox.snapshot()
///     let greeting: String = try sandbox.call("sayHello", "World")
///     try sandbox.restore(snapshot)                                  // as if the call had never been
///     let other = try Sandbox(from: snapshot)                        // no ELF, no initialisers
///
/// Any number of sandboxes on any threads share one. Its memory is freed when the last snapshot and the last sandbox
/// that need it are gone. A snapshot holds the pages written since the one its sandbox came from, and shares the rest.
public final class Snapshot: Sendable {
    package let memory: MemoryImage
    package let program: GuestProgram
    /// The host functions of the sandbox it was taken of: the guest may call any of them.
    public let requiredHostFunctions: [HostFunctionRequirement]

    /// Of the processor its guest has run on.
    package let processor: ProcessorFeatures

    package init(
        memory: MemoryImage, program: GuestProgram, requiredHostFunctions: [HostFunctionRequirement],
        processor: ProcessorFeatures = .here
    ) {
        self.memory = memory
        self.program = program
        self.requiredHostFunctions = requiredHostFunctions
        self.processor = processor
    }

    /// What the guest exports, in its order.
    public var exports: [GuestExport] { program.exports }

    /// A handle of a function, good in every sandbox made from this snapshot, and in a pool that it was given to.
    /// - Throws: `SandboxError.unknownFunction` or `signatureMismatch`.
    public func function<Result: GuestValue, each Argument: GuestValue>(
        _ name: String, as type: ((repeat each Argument) -> Result).Type
    ) throws(SandboxError) -> GuestFunction<Result, repeat each Argument> {
        try program.function(name)
    }

    /// A handle of a function without result.
    public func function<each Argument: GuestValue>(
        _ name: String, as type: ((repeat each Argument) -> Void).Type
    ) throws(SandboxError) -> GuestFunction<Void, repeat each Argument> {
        try program.function(name)
    }

    /// Layers of sealed memory it consists of; at most 8.
    public var layerCount: Int { memory.snapshotLayers.count }
    /// Bytes of all layers. Sandboxes and other snapshots may share them.
    public var byteCount: Int { memory.snapshotLayers.reduce(0) { $0 + $1.byteCount } }
    /// Bytes of the newest layer: what this snapshot added.
    public var newestLayerByteCount: Int { memory.snapshotLayers.last?.byteCount ?? 0 }

    /// Pages that calls were seen to write: new sandboxes have copies of them before their first call. At most 1,024.
    public var writeSetPageCount: Int { memory.writeSet.count }

    /// Pages that a warm-up call was seen to touch; at most 65,536. See `recordHotPages`.
    public var hotPageCount: Int { memory.hotPages.count }

    /// Files mapped into the guest when it was taken.
    public var mappedFiles: [MappedFile] { MappedFile.all(in: memory) }
}
