import Synchronization

/// Shells of sandboxes that are gone, wiped, for those that come.
package final class ShellCache: Sendable {
    package static let shared = ShellCache(limit: 16)

    /// A shell costs the kernel up to 0.8 MiB, and 48 KiB of scratch.
    package let limit: Int
    private let shells = Mutex<[MachineShell]>([])

    init(limit: Int) { self.limit = limit }

    /// The kept shell that has most of an image's layers in place; a new one if none is kept.
    package func take(for image: MemoryImage) throws(MachineError) -> MachineShell {
        let kept = shells.withLock { shells -> MachineShell? in
            let best = shells.indices.max { shells[$0].matchCount(image) < shells[$1].matchCount(image) }
            return best.map { shells.remove(at: $0) }
        }
        if let kept { return kept }
        return try MachineShell()
    }

    /// Keeps a shell, which must be clean; the one kept longest makes room.
    func give(_ shell: MachineShell) {
        remove { shells in
            shells.append(shell)
            return shells.count > limit ? [shells.removeFirst()] : []
        }
    }

    package var count: Int { shells.withLock { $0.count } }

    package func removeAll() {
        remove { shells in
            defer { shells = [] }
            return shells
        }
    }

    /// Nobody needs a layer any more: its memory is not to stay for our sake.
    package func release(_ segment: SharedMemorySegment) {
        let holders = remove { shells in
            defer { shells.removeAll { $0.contains(segment) } }
            return shells.filter { $0.contains(segment) }
        }
        for shell in holders {
            do throws(MachineError) {
                try shell.unplugLayers { $0 === segment }
                give(shell)
            } catch {}  // The shell goes, and its memory with it.
        }
    }

    /// Takes shells out. Whatever is to be done with them is done outside the lock: closing one takes half a
    /// millisecond.
    @discardableResult
    private func remove(_ choose: (inout [MachineShell]) -> [MachineShell]) -> [MachineShell] {
        shells.withLock { shells in choose(&shells) }
    }
}
