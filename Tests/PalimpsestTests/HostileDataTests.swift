import CPalimpsest
import MicroVM
import Palimpsest
import TestSupport
import Testing

@Suite("Hostile pointers and lengths")
struct HostileDataTests {
    /// Ranges that are not all readable guest memory.
    static let wild: [(UInt64, UInt64)] = [
        (0, 1), (0x1000, 16), (.max, 1), (.max - 7, 8), (.max - 7, 64), (0xffff_8000_0000_1000, 8),
        (0x7fff_ffff_ffff, 2), (0x8000_0000_0000, 1), (UInt64(PAL_STACK_TOP) - 8, 16),
        (UInt64(PAL_ENTRY_ADDRESS) - 1, 2), (UInt64(PAL_CONSTANTS_ADDRESS) + 4090, 16),
    ]

    @Test("a result that points outside guest memory, wraps, or lies in supervisor pages is refused", arguments: wild)
    func results(address: UInt64, byteCount: UInt64) throws {
        for name in ["stringAt", "bytesAt"] {
            let sandbox = try makeHostile()
            let found = caughtError(of: {
                if name == "stringAt" {
                    _ = try sandbox.call(name, address, byteCount) as String
                } else {
                    _ = try sandbox.call(name, address, byteCount) as [UInt8]
                }
            })
            guard case .invalidPointer(name, address, byteCount) = found else {
                Issue.record("\(name) \(hex(address)) \(byteCount): \(String(describing: found))")
                continue
            }
            #expect(sandbox.status == .poisoned)
        }
    }

    @Test("a message, log line or host call that points outside guest memory is a fault", arguments: wild)
    func messages(address: UInt64, byteCount: UInt64) throws {
        for name in ["failAt", "logAt", "abortAt"] {
            let sandbox = try makeHostile()
            _ = caughtFault(of: { try sandbox.call(name, address, byteCount) })
            #expect(sandbox.status == .poisoned, "\(name)")
        }
        for name in ["hostNameAt", "hostSignatureAt", "hostTextAt"] {
            let sandbox = try makeHostile()
            _ = caughtFault(of: { _ = try sandbox.call(name, address, byteCount) as UInt32 })
            #expect(sandbox.status == .poisoned, "\(name)")
        }
    }

    @Test("lengths beyond every limit are refused before anything is reserved")
    func lengths() throws {
        let sandbox = try makeHostile()
        let heap = UInt64(PAL_HEAP_ADDRESS)
        for byteCount in [1 << 21, 1 << 40, .max] as [UInt64] {
            guard case .valueTooLarge = caughtError(of: { _ = try sandbox.call("bytesAt", heap, byteCount) as [UInt8] })
            else {
                Issue.record("a result of \(byteCount) bytes was accepted")
                continue
            }
        }
        #expect(sandbox.status == .ready)
        _ = caughtFault(of: { _ = try sandbox.call("hostNameAt", heap, 256 as UInt64) as UInt32 })
        #expect(sandbox.status == .poisoned)
    }

    @Test("heap nobody has touched reads as zeros, from the host too")
    func untouchedHeap() throws {
        let sandbox = try makeHostile()
        let bytes: [UInt8] = try sandbox.call("bytesAt", UInt64(PAL_HEAP_ADDRESS) + (40 << 20) + 5, 10_000 as UInt64)
        #expect(bytes == [UInt8](repeating: 0, count: 10_000))
    }

    @Test("arguments larger than the mailbox are refused, and nothing has run")
    func argumentsTooLarge() throws {
        let sandbox = try makeBehaved(SandboxConfiguration(mailboxByteCount: 8192))
        let limit = 8192 - Int(PAL_MAILBOX_DATA_OFFSET)
        let fits = [UInt8](repeating: 1, count: limit)
        #expect(try sandbox.call("echoBytes", fits) as [UInt8] == fits)
        let calls = sandbox.statistics.calls
        guard case .argumentsTooLarge = caughtError(of: { _ = try sandbox.call("echoBytes", fits + [1]) as [UInt8] })
        else {
            Issue.record("an argument larger than the mailbox was accepted")
            return
        }
        #expect(sandbox.statistics.calls == calls && sandbox.status == .ready)
        #expect(try sandbox.call("echoInt64", 5) as Int == 5)
    }

    @Test("a string that is not UTF-8 is an error, the same bytes are not")
    func invalidUTF8() throws {
        let sandbox = try makeHostile()
        guard case .invalidUTF8("invalidText") = caughtError(of: { _ = try sandbox.call("invalidText") as String })
        else {
            Issue.record("invalid UTF-8 was accepted")
            return
        }
        #expect(sandbox.status == .ready)
    }

    @Test("a corrupted mailbox harms nobody but the guest")
    func corruptMailbox() throws {
        let sandbox = try makeHostile()
        _ = caughtFault(of: { try sandbox.call("corruptMailbox") })
        #expect(sandbox.status == .poisoned)
        for value in [2, 3, .max] as [UInt32] {
            let sandbox = try makeHostile()
            _ = caughtFault(of: { try sandbox.call("status", value) })
            #expect(sandbox.status == .poisoned, "status \(value) without cause")
        }
    }

    @Test("a corrupted export table changes nothing: it was read once")
    func corruptExports() throws {
        let sandbox = try makeHostile()
        let exports = sandbox.exports
        try sandbox.call("corruptExports")
        #expect(try sandbox.call("add", 1 as Int64, 2 as Int64) as Int64 == 3)
        #expect(sandbox.exports == exports)
    }

    @Test("unknown functions and wrong signatures are named, with what there is")
    func lookups() throws {
        let sandbox = try makeBehaved()
        guard case .unknownFunction("nope", let available) = caughtError(of: { try sandbox.call("nope") }) else {
            Issue.record("an unknown function was called")
            return
        }
        #expect(available.contains("nothing"))
        let count = caughtError(of: { _ = try sandbox.call("echoInt64", 1, 2) as Int64 })
        #expect(count?.description == "'echoInt64' is (Int64) -> Int64, but was called as (Int64, Int64) -> Int64.")
        let type = caughtError(of: { _ = try sandbox.call("echoInt64", "x") as Int64 })
        #expect(type?.description == "'echoInt64' is (Int64) -> Int64, but was called as (String) -> Int64.")
        let result = caughtError(of: { try sandbox.call("echoInt64", 1) })
        #expect(result?.description == "'echoInt64' is (Int64) -> Int64, but was called as (Int64) -> Void.")
        #expect(sandbox.status == .ready)
    }
}
