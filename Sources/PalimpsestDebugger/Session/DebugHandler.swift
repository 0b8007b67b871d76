/// Who looks at a debugged guest whenever it stops.
public protocol DebugHandler: AnyObject {
    /// Called on the thread of the call, which waits meanwhile, as long as it takes.
    func stopped(_ stop: DebugStop, in session: DebugSession) -> DebugResumption
}
