/// Teaching a snapshot what its calls need.
extension Snapshot {
    /// Has a sandbox of its own run `warmUp`, which should do what calls usually do, and remembers the pages of this
    /// snapshot that it touched and wrote: at most 65,536 and 1,024.
    ///
    /// A store writes these pages first and in this order, and brings them into memory when the snapshot is loaded; new
    /// sandboxes have copies of the written ones. So: record, then save. A layer that has been saved keeps its order.
    ///
    ///     let snapshot = try sandbox.snapshot()
    ///     try snapshot.recordHotPages { _ = try $0.call("handle", request) as String }
    ///     try snapshot.save(to: "snapshots", tag: "warm")
    ///
    /// Every touched page costs a trap: this is for once, not for the hot path.
    /// - Returns: how many pages were touched.
    /// - Throws: what `Sandbox(from:)` and `warmUp` throw; nothing is remembered then.
    @discardableResult
    public func recordHotPages(
        configuration: SandboxConfiguration = .init(), hostFunctions: HostFunctions = .init(),
        _ warmUp: (Sandbox) throws(SandboxError) -> Void
    ) throws(SandboxError) -> Int {
        var configuration = configuration
        // Nothing but the guest's own touches, and tables that stay.
        configuration.copiesWriteSet = false
        configuration.rollbackStrategy = .copy
        let sandbox = try Sandbox(from: self, configuration: configuration, hostFunctions: hostFunctions)
        let space = sandbox.machine.memory
        space.recordTouches()
        try warmUp(sandbox)
        space.collect()
        let touches = space.touches ?? []
        memory.hotPages.replace(with: touches)
        memory.writeSet.formUnion(space.tracked.addresses)
        return touches.count
    }
}
