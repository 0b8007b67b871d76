/// A region that cannot be.
package enum MemoryRegionError: Error, Equatable, CustomStringConvertible {
    case unaligned(address: UInt64, byteCount: Int)
    case empty(address: UInt64)
    case overflow(address: UInt64, byteCount: Int, limit: UInt64)
    case hostSizeMismatch(guestByteCount: Int, hostByteCount: Int)

    package var description: String {
        switch self {
        case .unaligned(let address, let byteCount):
            "a region must start and end at a page boundary: \(hex(address)), \(byteCount) bytes"
        case .empty(let address):
            "a region must have at least one page: \(hex(address))"
        case .overflow(let address, let byteCount, let limit):
            "a region of \(byteCount) bytes at \(hex(address)) does not fit below \(hex(limit))"
        case .hostSizeMismatch(let guest, let host):
            "a region of \(guest) bytes cannot be backed by \(host) bytes of host memory"
        }
    }
}

/// `0x` and the digits.
package func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
