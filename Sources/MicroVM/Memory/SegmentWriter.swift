import Glibc
import SystemPackage

/// Fills a segment before it is sealed: by system calls, which cost half of what faulting in each page of a mapping
/// does.
package struct SegmentWriter {
    package let descriptor: FileDescriptor

    package func write(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(MachineError) {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let count = pwrite(descriptor.rawValue, rest.baseAddress, rest.count, offset + done)
            guard count > 0 else {
                if count < 0 && errno == EINTR { continue }
                throw MachineError("write to a memfd", Errno(rawValue: count < 0 ? errno : EIO))
            }
            done += count
        }
    }
}
