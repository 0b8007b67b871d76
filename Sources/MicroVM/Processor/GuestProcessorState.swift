/// Everything in the processor of a stopped guest that its code can see.
public struct GuestProcessorState: Sendable, Hashable {
    public var registers: GuestRegisters
    public var segments: GuestSegments
    public var extended: GuestExtendedState
}
