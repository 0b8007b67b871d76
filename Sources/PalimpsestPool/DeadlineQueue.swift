/// The calls that something is due for at a time, the earliest at hand: a binary heap whose entries know their place,
/// so that a call that ends or is cancelled leaves it at once.
struct DeadlineQueue {
    private var calls: [PoolCall] = []

    /// Nanoseconds of the monotonic clock; `UInt64.max` if there is none.
    var earliest: UInt64 { calls.first?.dueTime ?? .max }
    var first: PoolCall? { calls.first }

    /// Puts in a call; one that nothing is due for stays out. It keeps its time while it is in.
    mutating func insert(_ call: PoolCall) {
        guard call.dueTime != .max else { return }
        calls.append(call)
        moveUp(from: calls.count - 1)
    }

    /// Takes out a call, if it is in.
    mutating func remove(_ call: PoolCall) {
        guard let index = call.deadlineIndex else { return }
        call.deadlineIndex = nil
        let last = calls.removeLast()
        guard index < calls.count else { return }
        place(last, at: index)
        moveUp(from: index)
        moveDown(from: last.deadlineIndex ?? index)
    }

    private mutating func place(_ call: PoolCall, at index: Int) {
        calls[index] = call
        call.deadlineIndex = index
    }

    private mutating func moveUp(from start: Int) {
        let call = calls[start]
        var index = start
        while index > 0, calls[(index - 1) / 2].dueTime > call.dueTime {
            place(calls[(index - 1) / 2], at: index)
            index = (index - 1) / 2
        }
        place(call, at: index)
    }

    private mutating func moveDown(from start: Int) {
        let call = calls[start]
        var index = start
        while true {
            var child = 2 * index + 1
            guard child < calls.count else { break }
            if child + 1 < calls.count, calls[child + 1].dueTime < calls[child].dueTime { child += 1 }
            guard calls[child].dueTime < call.dueTime else { break }
            place(calls[child], at: index)
            index = child
        }
        place(call, at: index)
    }
}
