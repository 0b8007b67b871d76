import Synchronization

/// Shells of sandboxes that are gone, for those that come.
final class ShellCache: Sendable {
    static let shared = ShellCache(limit: 16)

    /// A shell costs the kernel up to 0.8 MiB.
    let limit: Int
    private let shells = Mutex<[MachineShell]>([])

    init(limit: Int) { self.limit = limit }

    /// A kept shell, or a new one.
    func take() throws(MachineError) -> MachineShell {
        if let kept = shells.withLock({ $0.popLast() }) { return kept }
        return try MachineShell()
    }

    /// Keeps a shell, which must be clean, if there is room.
    func give(_ shell: MachineShell) {
        shells.withLock { shells in
            if shells.count < limit { shells.append(shell) }
        }
    }

    var count: Int { shells.withLock { $0.count } }

    func removeAll() {
        // Closed outside the lock: that takes half a millisecond each.
        let all = shells.withLock { shells in
            defer { shells = [] }
            return shells
        }
        withExtendedLifetime(all) {}
    }
}
