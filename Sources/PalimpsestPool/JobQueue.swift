/// Jobs, first in, first out.
struct JobQueue {
    private var incoming: [PoolJob] = []
    /// Reversed: the next one last.
    private var outgoing: [PoolJob] = []

    var count: Int { incoming.count + outgoing.count }

    var first: PoolJob? { outgoing.last ?? incoming.first }

    mutating func append(_ job: PoolJob) { incoming.append(job) }

    mutating func popFirst() -> PoolJob? {
        if outgoing.isEmpty {
            swap(&incoming, &outgoing)
            outgoing.reverse()
        }
        return outgoing.popLast()
    }
}
