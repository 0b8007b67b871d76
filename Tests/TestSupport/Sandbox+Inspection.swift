import CPalimpsest
import MicroVM
import Palimpsest

/// What tests look at in a sandbox beside the oracle.
extension Sandbox {
    /// The page that carries entropy and generation, all of it.
    package func constantsPage() throws -> [UInt8] {
        try machine.memory.bytes(GuestSpan(address: UInt64(PAL_CONSTANTS_ADDRESS), byteCount: UInt64(pageByteCount)))
    }

    /// The number that is new after every restore and in every copy.
    package func generation() throws -> UInt64 {
        try machine.memory.load(GuestLayout.constants, as: pal_constants.self).generation
    }
}
