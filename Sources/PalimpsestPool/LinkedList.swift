/// An object with a place in a list, which it can leave in constant time wherever it stands.
protocol LinkedNode: AnyObject {
    associatedtype Node: LinkedNode where Node.Node == Node
    var links: Links<Node> { get set }
}

/// Where a node stands. In one list at a time.
struct Links<Node: AnyObject> {
    fileprivate(set) var next: Node?
    fileprivate unowned(unsafe) var previous: Node?
}

/// First in, first out; but a node can leave from anywhere.
struct LinkedList<Node: LinkedNode> where Node.Node == Node {
    private(set) var first: Node?
    private(set) var last: Node?
    private(set) var count = 0

    mutating func append(_ node: Node) {
        node.links.previous = last
        if let last { last.links.next = node } else { first = node }
        last = node
        count += 1
    }

    /// Takes out a node, which must be in this list.
    mutating func remove(_ node: Node) {
        let previous = node.links.previous
        let next = node.links.next
        if let previous { previous.links.next = next } else { first = next }
        if let next { next.links.previous = previous } else { last = previous }
        node.links = Links()
        count -= 1
    }
}
