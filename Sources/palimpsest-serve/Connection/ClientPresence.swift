import Synchronization

/// Whether a connection's client is still there: told by its channel, asked for by the task that answers it.
final class ClientPresence: Sendable {
    private enum State {
        case present(whenGone: (@Sendable () -> Void)?)
        case gone
    }

    private let state = Mutex(State.present(whenGone: nil))

    /// Runs `action` once the client is gone; at once if it is.
    func whenGone(_ action: @escaping @Sendable () -> Void) {
        let isGone = state.withLock { state in
            if case .gone = state { return true }
            state = .present(whenGone: action)
            return false
        }
        if isGone { action() }
    }

    func end() {
        let action: (@Sendable () -> Void)? = state.withLock { state in
            defer { state = .gone }
            if case .present(let action) = state { return action }
            return nil
        }
        action?()
    }
}
