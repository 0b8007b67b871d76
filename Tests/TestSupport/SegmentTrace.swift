import Glibc
import MicroVM
import Palimpsest

/// Finds one segment among this process's descriptors and mappings by its inode, which no other has: tests that run
/// at the same time do not disturb the count.
package struct SegmentTrace: Equatable {
    private let device: dev_t
    private let inode: ino_t

    package init(_ segment: SharedMemorySegment) {
        var status = stat()
        fstat(segment.descriptor.rawValue, &status)
        device = status.st_dev
        inode = status.st_ino
    }

    package var descriptorCount: Int {
        ProcessLimit.descriptors.count {
            var status = stat()
            return fstat($0, &status) == 0 && status.st_dev == device && status.st_ino == inode
        }
    }

    /// Lines of /proc/self/maps: addresses, permissions, offset, device, inode, name (proc(5)).
    package var mappingCount: Int {
        ProcessMaps.lines().count { line in
            let fields = line.split(separator: " ", omittingEmptySubsequences: true)
            return fields.count > 5 && fields[4] == "\(inode)" && fields[5].hasPrefix("/memfd:palimpsest")
        }
    }

    package var isAlive: Bool { descriptorCount > 0 && mappingCount > 0 }
    package var isGone: Bool { descriptorCount == 0 && mappingCount == 0 }
}

/// Whether something comes to hold: a thread may still have a hand on it, for as long as the machine is busy. What
/// never does is given up after ten minutes.
package func becomesTrue(_ condition: () -> Bool) -> Bool {
    for _ in 0..<600_000 {
        if condition() { return true }
        usleep(1_000)
    }
    return condition()
}
