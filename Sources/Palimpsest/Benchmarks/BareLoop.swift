import CPalimpsest

/// The floor of an isolated call: a sandbox's own vCPU, resumed in a ring 3 loop that does nothing but exit.
///
/// The virtual machine is set up by the same code as any sandbox's; registers are neither loaded nor copied out.
/// For benchmarks only.
@_spi(Benchmarks)
public final class BareLoop {
    private let sandbox: Sandbox

    /// - Parameter function: an export of `guest` that writes to `PAL_PORT_RETURN` for ever.
    public init(guest: GuestSource, function: String) throws(SandboxError) {
        sandbox = try Sandbox(guest: guest)
        try sandbox.call(function)
        sandbox.machine.vcpu.stopSynchronizingRegisters()
        // Such a vCPU is of no use to another sandbox.
        sandbox.machine.isBroken = true
    }

    /// One `KVM_RUN`: resume, `out`, exit. False if the guest did something else.
    public func roundTrip() -> Bool { sandbox.machine.vcpu.resumeBare() }
}
