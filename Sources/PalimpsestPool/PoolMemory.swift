import Palimpsest

/// What a pool's sandboxes and snapshots take. Layers that several snapshots share count once.
struct PoolMemory {
    private(set) var byteCount = 0
    private var layers: [ObjectIdentifier: Int] = [:]

    /// What is set aside for a sandbox that is being made.
    mutating func reserve(_ byteCount: Int) { self.byteCount += byteCount }
    mutating func release(_ byteCount: Int) { self.byteCount -= byteCount }

    /// Counts a sandbox with what it was last seen to take.
    mutating func update(_ sandbox: PooledSandbox) {
        byteCount += sandbox.byteCount - sandbox.countedByteCount
        sandbox.countedByteCount = sandbox.byteCount
    }

    mutating func remove(_ sandbox: PooledSandbox) {
        byteCount -= sandbox.countedByteCount
        sandbox.countedByteCount = 0
    }

    mutating func add(_ snapshot: Snapshot) {
        for layer in snapshot.memory.snapshotLayers {
            let users = layers[ObjectIdentifier(layer.segment), default: 0]
            if users == 0 { byteCount += layer.byteCount }
            layers[ObjectIdentifier(layer.segment)] = users + 1
        }
    }

    mutating func remove(_ snapshot: Snapshot) {
        for layer in snapshot.memory.snapshotLayers {
            guard let users = layers[ObjectIdentifier(layer.segment)] else { continue }
            layers[ObjectIdentifier(layer.segment)] = users > 1 ? users - 1 : nil
            if users == 1 { byteCount -= layer.byteCount }
        }
    }
}
