/// How long a shutdown may take.
struct DrainLimits: Sendable {
    /// How long the server goes on as before, but not ready, so that a load balancer can see it.
    var delay = Duration.zero
    /// How long calls may still take after that.
    var limit = Duration.seconds(10)
    /// How long answers may still take after their calls have been stopped.
    static let grace = Duration.seconds(1)
}
