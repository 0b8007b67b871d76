import Glibc

/// The file a guest came from: for debuggers, which want to find it again.
struct GuestFile: Sendable {
    /// Absolute; nil for a guest that was given as bytes.
    let path: String?
    let buildID: [UInt8]?
    /// Whole pages of memory that come from it, and from where in it.
    let segments: [(addresses: Range<UInt64>, offset: UInt64)]

    init(_ source: GuestSource, _ image: ELFImage) {
        path = if case .file(let path) = source { GuestFile.absolute(path) } else { nil }
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
