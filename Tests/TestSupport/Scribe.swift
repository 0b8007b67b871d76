import MicroVM
import Palimpsest

/// The guest that writes on pages, and the calls that say which.
package enum Scribe {
    /// Pages of the image that the guest may write: copies of them come out of the scratch pool.
    package static let dataPageCount = 400

    package static func configuration(_ strategy: RollbackStrategy = .automatic, heapPageCount: Int = 256)
        -> SandboxConfiguration
    {
        SandboxConfiguration(
            heapByteCount: heapPageCount * pageByteCount, stackByteCount: 64 << 10, mailboxByteCount: 16 << 10,
            scratchByteCount: 4 << 20, rollbackStrategy: strategy)
    }

    package static func make(_ configuration: SandboxConfiguration = configuration()) throws -> Sandbox {
        try Sandbox(guest: .bytes(Guests.scribe), configuration: configuration)
    }
}

extension Sandbox {
    /// Has the guest fill pages of its heap, every `hole`th left zero; returns where they are.
    package func fill(pages count: Int, hole: Int = 0) throws(SandboxError) -> UInt64 {
        try call("fill", UInt64(count), UInt64(hole))
    }

    /// Has the guest write two words to each of `count` pages, `stride` pages apart.
    package func scribble(_ address: UInt64, pages count: Int, stride: Int = 1, value: UInt64) throws(SandboxError) {
        try call("scribble", address, UInt64(count), UInt64(stride), value)
    }
}
