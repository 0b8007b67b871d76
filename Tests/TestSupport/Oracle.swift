import CPalimpsest
import Glibc
import MicroVM
import Palimpsest

/// Everything a guest can see of itself, taken down: the measure of every rollback.
///
/// Every byte of every region, read by the host through the live page tables. What the guest reads for itself, and what
/// it finds in its registers, is asked of the guest in `differences(guestToo: true)`.
package struct Oracle {
    private struct Region {
        let region: MemoryRegion<GuestVirtualAddress>
        let bytes: [UInt8]
    }

    private let regions: [Region]

    package init(_ sandbox: Sandbox) throws {
        regions = try sandbox.machine.memory.image.regions.mappings.filter { $0.backing != .none }.map {
            Region(region: $0.region, bytes: try Oracle.bytes($0.region, sandbox))
        }
    }

    private static func bytes(_ region: MemoryRegion<GuestVirtualAddress>, _ sandbox: Sandbox) throws -> [UInt8] {
        let span = GuestSpan(address: region.guest.lowerBound.rawValue, byteCount: UInt64(region.byteCount))
        var bytes = try sandbox.machine.memory.bytes(span)
        // New with every restore, and meant to be; and what resident calls are rung in by.
        if region.label == .constants {
            for index in Array(584..<656) + Array(704..<720) { bytes[index] = 0 }
        }
        return bytes
    }

    /// What is not as it was taken down; empty if nothing.
    package func differences(_ sandbox: Sandbox) throws -> [String] {
        let now = try Oracle(sandbox)
        guard now.regions.map(\.region.guest) == regions.map(\.region.guest) else { return ["regions"] }
        var found: [String] = []
        for (then, now) in zip(regions, now.regions) where !Oracle.isEqual(then.bytes, now.bytes) {
            let index = zip(then.bytes, now.bytes).enumerated().first { $0.element.0 != $0.element.1 }?.offset ?? 0
            found.append("\(then.region.label) at \(then.region.guest.lowerBound + index)")
        }
        return found + permissions(sandbox)
    }

    private static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count
            && left.withUnsafeBytes { one in
                right.withUnsafeBytes { memcmp(one.baseAddress!, $0.baseAddress!, one.count) == 0 }
            }
    }

    /// Page by page: what the tables allow is what the region allows, and nothing outside the regions is mapped.
    private func permissions(_ sandbox: Sandbox) -> [String] {
        let memory = sandbox.machine.memory
        var found: [String] = []
        for mapping in memory.image.regions.mappings {
            let access = mapping.region.access
            for offset in stride(from: 0, to: mapping.region.byteCount, by: pageByteCount) {
                let page = mapping.region.guest.lowerBound + offset
                let entry = memory.tables[page]
                guard entry.isPresent else { continue }
                let isRight =
                    mapping.backing != .none && entry.isUser && entry.isExecutable == access.contains(.execute)
                    && (entry.isWritable || entry.isCopyOnWrite) == access.contains(.write)
                    && !(entry.isWritable && entry.isCopyOnWrite)
                    && entry.isWritable == (access.contains(.write) && memory.scratch.contains(entry.frame))
                if !isRight { found.append("permissions of \(page): \(String(entry.rawValue, radix: 16))") }
            }
        }
        return found
    }

    /// Has the guest read all of its memory itself, except what the call that does so writes.
    package func guestDifferences(_ sandbox: Sandbox) throws -> [String] {
        var found: [String] = []
        for region in regions where ![.stack, .mailbox, .constants].contains(region.region.label) {
            let seen: UInt64 = try sandbox.call(
                "checksum", region.region.guest.lowerBound.rawValue, UInt64(region.bytes.count))
            if seen != Oracle.checksum(region.bytes) { found.append("\(region.region.label) as the guest reads it") }
        }
        return found
    }

    private static func checksum(_ bytes: [UInt8]) -> UInt64 {
        bytes.withUnsafeBytes { bytes in
            bytes.bindMemory(to: UInt64.self).reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ $1) &* 0x100_0000_01b3 }
        }
    }
}
