import GuestABI

/// Layers and what is built on them, while snapshots are added: layers and names are looked up, since a store may have
/// tens of thousands of either.
struct LayerForest {
    private struct Tree {
        let layer: SnapshotDescription.Layer
        /// Of the snapshots that end here: in order, and to see which are there.
        var names: [String] = []
        var knownNames: Set<ByteName> = []
        var children = LayerForest()
    }

    private var trees: [Tree] = []
    private var places: [SnapshotDescription.Layer: Int] = [:]

    /// Adds a snapshot.
    /// - Parameter layers: bottom first.
    mutating func insert(_ layers: ArraySlice<SnapshotDescription.Layer>, name: String) {
        guard let first = layers.first else { return }
        let place = places[first] ?? trees.endIndex
        if place == trees.endIndex {
            places[first] = place
            trees.append(Tree(layer: first))
        }
        if layers.count > 1 {
            trees[place].children.insert(layers.dropFirst(), name: name)
        } else if trees[place].knownNames.insert(ByteName(name)).inserted {
            trees[place].names.append(name)
        }
    }

    /// In the order in which they came.
    var nodes: [LayerNode] {
        trees.map { LayerNode(layer: $0.layer, snapshots: $0.names, children: $0.children.nodes) }
    }
}
