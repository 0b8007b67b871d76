/// The error code of a page fault (Intel SDM vol. 3, 4.7). The processor's word: a guest cannot forge it.
package struct PageFaultCode: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    package static let write = PageFaultCode(rawValue: 1 << 1)
    package static let user = PageFaultCode(rawValue: 1 << 2)
    package static let instructionFetch = PageFaultCode(rawValue: 1 << 4)
    /// Protection keys denied the access.
    package static let protectionKey = PageFaultCode(rawValue: 1 << 5)

    /// What the guest was about to do with the page.
    package var neededAccess: MemoryAccess {
        if contains(.instructionFetch) { return .execute }
        return contains(.write) ? .write : .read
    }
}
