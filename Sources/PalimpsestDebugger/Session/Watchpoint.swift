/// Memory whose change stops a debugged guest.
struct Watchpoint {
    let address: UInt64
    let byteCount: Int
    /// What was there when it was last looked at; nil if the guest could not read it then.
    var bytes: [UInt8]?
}
