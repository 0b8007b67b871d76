import Palimpsest
import PalimpsestPool
import ToolSupport

/// Makes a pool of the guests named on the command line, and the list of their functions.
///
/// Every one is looked at before the server takes a call, so that what is wrong with it is said at the start.
struct PoolBuilder {
    let guests: [NamedGuest]
    let sandbox: SandboxOptions
    let configuration: SandboxPoolConfiguration

    func build() throws(ToolError) -> (FunctionCatalog, any CallBackend) {
        var functions: [ByteName: [ServedFunction]] = [:]
        let pool = try PoolBuilder.ofPool { () throws(SandboxPoolError) in
            try SandboxPool(configuration: configuration)
        }
        for guest in guests {
            let snapshot = try add(guest, to: pool)
            functions[ByteName(guest.name)] = snapshot.exports.map { ServedFunction($0) }
        }
        return (FunctionCatalog(functions), PoolBackend(pool: pool, queueLimit: configuration.queueLimit))
    }

    private func add(_ guest: NamedGuest, to pool: SandboxPool) throws(ToolError) -> Snapshot {
        guard let location = SnapshotLocation(guest: guest.guest) else {
            let snapshot = try start(guest.guest)
            try PoolBuilder.ofPool { () throws(SandboxPoolError) in try pool.add(snapshot, as: guest.name) }
            return snapshot
        }
        let fixed = try location.fixed()
        let snapshot = try sandbox.load(fixed)
        try PoolBuilder.ofPool { () throws(SandboxPoolError) in
            if configuration.memoryLimit == nil {
                try pool.add(snapshot, as: guest.name)
            } else {
                // What can be loaded again can be dropped to keep the limit.
                let (verification, files) = (sandbox.verification, sandbox.allowFile)
                try pool.add(guest.name) { try fixed.load(verify: verification, allowedFiles: files) }
            }
        }
        return snapshot
    }

    /// An ELF file's guest, once its initialisers have run.
    private func start(_ path: String) throws(ToolError) -> Snapshot {
        let sandbox = try sandbox.makeSandbox(guest: path)
        return try ToolError.ofSandbox { () throws(SandboxError) in try sandbox.snapshot() }
    }

    private static func ofPool<Result>(
        _ body: () throws(SandboxPoolError) -> Result
    ) throws(ToolError) -> Result {
        do throws(SandboxPoolError) {
            return try body()
        } catch {
            throw ToolError(error)
        }
    }
}
