/// How a rollback brings the written pages back. Every strategy leaves the same bytes; they differ in what they cost,
/// and where: see docs/benchmarks.md.
public enum RollbackStrategy: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
    /// Chooses for each rollback: `copy` where the bytes are in memory; `ioUring` where they are in a mapped file
    /// and not in memory; `replace` where copying pages nobody writes any more has come to cost more.
    case automatic
    /// Copies pages from the snapshot's memory: no system call.
    case copy
    /// Reads pages from the snapshot's descriptors through io_uring, neighbours as one request.
    case ioUring
    /// Gives the sandbox new scratch memory and its snapshot's page tables, and forgets which pages were written.
    case replace

    public var description: String { rawValue }
}
