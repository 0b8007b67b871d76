import CPalimpsest
import Glibc

/// A thread of a pool's own, with every signal blocked but the one that stops its guest.
struct PoolThread: Sendable {
    private let handle: pthread_t

    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// - Parameter name: as `ps` and debuggers show it; at most 15 bytes.
    /// - Throws: `SandboxPoolError.threadUnavailable`.
    init(name: String, _ run: @escaping @Sendable () -> Void) throws(SandboxPoolError) {
        var all = sigset_t()
        var previous = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &previous)
        defer { pthread_sigmask(SIG_SETMASK, &previous, nil) }
        let body = Unmanaged.passRetained(Body(run))
        var handle = pthread_t()
        let failure = pthread_create(
            &handle, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, body.toOpaque())
        guard failure == 0 else {
            body.release()
            throw .threadUnavailable(errno: failure)
        }
        self.handle = handle
        // Not by the thread itself: whoever looks now sees what it is.
        pal_thread_set_name(handle, name)
    }

    /// Waits until it has ended. Once, and not after `detach`.
    func join() { pthread_join(handle, nil) }

    /// Lets it end by itself.
    func detach() { pthread_detach(handle) }
}
