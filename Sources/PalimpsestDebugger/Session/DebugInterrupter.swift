import Palimpsest
import Synchronization

/// Has a debugged guest stop where it is, from any thread.
public struct DebugInterrupter: Sendable {
    final class State: Sendable {
        struct Value {
            var isWanted = false
            var isCallRunning = false
        }

        let value = Mutex(Value())
    }

    private let state: State
    private let control: CallControl

    init(_ state: State, _ control: CallControl) {
        self.state = state
        self.control = control
    }

    /// The handler's next stop is `interrupt`, unless another one comes first. Nothing happens if no call runs.
    public func interrupt() {
        state.value.withLock { value in
            guard value.isCallRunning else { return }
            value.isWanted = true
            control.forceExit()
        }
    }
}
