import Glibc
import MicroVM

/// The file a guest came from: for debuggers, which want to find it again.
package struct GuestFile: Sendable {
    /// Absolute; nil for a guest that was given as bytes.
    package let path: String?
    package let buildID: [UInt8]?
    /// Whole pages of memory that come from it, and from where in it.
    package let segments: [(addresses: Range<UInt64>, offset: UInt64)]

    /// - Parameter path: nil for a guest that was given as bytes.
    package init(path: String?, _ image: ELFImage) {
        self.path = path.flatMap(GuestFile.absolute)
        buildID = image.buildID
        segments = image.segments.filter { !$0.fileRange.isEmpty }.map { segment in
            let pages = segment.filePages
            return (
                pages.lowerBound.rawValue..<pages.upperBound.rawValue,
                // Address and place in the file agree modulo a page: the first page begins in the file.
                UInt64(segment.fileRange.lowerBound - segment.address.offsetInPage)
            )
        }
    }

    private static func absolute(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
