import Palimpsest

/// Calls that do not come back when they are to.
///
/// A guest can be stopped wherever it is; a host function, or a closure of `withSandbox`, cannot. Whoever called does
/// not wait for it: the call is answered by the keeper, soon after its deadline, its cancellation or that of a
/// shutdown. Its thread and its sandbox stay its own until it is back, and count as that wherever they count: among the
/// running, against `threadLimitPerSnapshot` and the queue, and for the end of a shutdown. What it brings back then is
/// dropped.
///
///     deadline            keeper: expired             keeper: late                         its thread: ended
///        |--------------------| up to returnPatience ------|------- as long as it takes -------|
///                                                     the caller goes on            the sandbox is rolled back
extension PoolState {
    /// How long a call that is to come back has for that: 2 ms, in nanoseconds. The watchdog takes up to one to stop a
    /// guest.
    static let returnPatience: UInt64 = 2_000_000

    /// A call that is answered while it runs.
    struct LateCall {
        let call: PoolCall
        let error: SandboxPoolError
        /// What it runs in.
        let snapshot: Snapshot?
    }

    /// A running call is to come back: the keeper looks at `time` whether it has.
    mutating func expectReturn(of call: PoolCall, _ reason: PoolCall.Stop, by time: UInt64) {
        call.stop = reason
        deadlines.remove(call)
        call.dueTime = time
        deadlines.insert(call)
    }

    /// Does what is due for a call.
    mutating func seeTo(_ call: PoolCall, _ duty: inout Duty) {
        switch (call.phase, call.stop) {
        case (.running, nil):
            expectReturn(of: call, .expired, by: call.deadlineNanoseconds &+ PoolState.returnPatience)
        case (.running, let reason?):
            deadlines.remove(call)
            call.phase = .late
            duty.late.append(LateCall(call: call, error: answer(to: reason), snapshot: call.sandbox?.snapshot))
        default:
            remove(call)
            statistics.timeouts += 1
            duty.expired.append(call)
        }
    }

    private mutating func answer(to reason: PoolCall.Stop) -> SandboxPoolError {
        switch reason {
        case .cancelled: return cancelled(whileRunning: true)
        case .shutDown: return .shutDown
        case .expired:
            statistics.timeouts += 1
            return .sandbox(.deadlineExceeded)
        }
    }
}

extension PoolState.Ending {
    var isLate: Bool { if case .late = self { true } else { false } }
}
