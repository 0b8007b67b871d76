/// Who puts a guest's registers back between calls, and with that, what a call costs.
///
///                     a call costs            what one request leaves behind   a guest that was taken over
///     byHost          an entry and an exit    nothing                          is gone with the next rollback
///     byGuest         a cache line's way      nothing                          stays until the next full restore
///
/// Memory is the host's business either way: `Sandbox.restore` brings every byte of it back.
public enum RegisterReset: Sendable, Hashable {
    /// The host, at every call, which is one `KVM_RUN`. Right whenever in doubt.
    case byHost
    /// Trusted code in the guest, which waits there for the next call: no call and no rollback takes an exit.
    ///
    /// That code is read-only, but it has to be reached: it protects a function's requests from each other's leftovers,
    /// not from a request that takes the guest over. Code that an attacker has gained control of need not return: it
    /// can go on running, write to memory after a rollback, and answer later calls as it likes, until the next *full
    /// restore*, in which the host stops the vCPU and sets every register. It gets no further than its own sandbox.
    ///
    /// Right for functions of one's own, or of a customer whose requests need no protection from that customer.
    case byGuest(Residency)
}
