import CPalimpsest

/// What became of a host call, as the guest is told (palimpsest_abi.h, `PAL_HOST_...`).
public enum TraceHostOutcome: String, Sendable, Hashable {
    case returned
    /// The host function threw.
    case threw
    /// Nothing of that name is registered.
    case unknown
    case signatureMismatch = "signature mismatch"
    case resultTooLarge = "result too large"
    /// The request itself was malformed: the guest's call ended in a fault.
    case malformed

    /// - Parameter status: nil if the guest's call is over.
    init(status: UInt32?) {
        self =
            switch status.map(Int32.init(bitPattern:)) {
            case PAL_HOST_OK: .returned
            case PAL_HOST_THREW: .threw
            case PAL_HOST_NOT_FOUND: .unknown
            case PAL_HOST_SIGNATURE_MISMATCH: .signatureMismatch
            case PAL_HOST_RESULT_TOO_LARGE: .resultTooLarge
            default: .malformed
            }
    }
}
