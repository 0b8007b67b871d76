import MicroVM

/// The floor of a new sandbox: a virtual machine with its slots, a vCPU, and a first run, over memory that is there.
///
/// For benchmarks only.
@_spi(Benchmarks)
public final class BareMachine {
    private let sandbox: Sandbox
    private let function: UInt64
    private var shell: MachineShell?

    /// - Parameters:
    ///   - snapshot: says how many slots.
    ///   - function: an export of its guest that writes to `PAL_PORT_RETURN` for ever.
    public init(from snapshot: Snapshot, function: String) throws(SandboxError) {
        sandbox = try Sandbox(from: snapshot)
        try sandbox.call(function)
        self.function = try sandbox.program.knownExport(function).function
    }

    /// Makes a machine and runs it. False if the guest did not come back as it should.
    public func create() throws(SandboxError) -> Bool {
        do throws(MachineError) {
            let shell = try makeShell()
            self.shell = shell
            shell.vcpu.load(instruction: function, stack: GuestLayout.stackTop.rawValue)
            return shell.vcpu.resumeBare()
        } catch {
            throw .machine(error)
        }
    }

    /// One that the caller keeps.
    public func makeAnother() throws(SandboxError) -> AnyObject {
        _ = try create()
        defer { shell = nil }
        return shell as AnyObject
    }

    public func discard() { shell = nil }

    private func makeShell() throws(MachineError) -> MachineShell {
        let memory = sandbox.machine.memory
        let shell = try MachineShell()
        for layer in memory.image.layers { try shell.plug(layer) }
        try shell.machine.plug(
            memory.scratch.segment, at: GuestLayout.scratchPhysical, slot: GuestLayout.scratchSlot, writable: true)
        shell.vcpu.setPageTableRoot(memory.root.rawValue)
        return shell
    }
}
